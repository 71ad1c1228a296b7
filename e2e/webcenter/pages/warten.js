// Looks whether the state has changed, and loads the page again when it has.
// Without this script the page loads itself again every few seconds.
(() => {
  const waiting = document.querySelector('[data-stand]');
  if (!waiting) return;
  const look = async () => {
    try {
      const answer = await fetch(location.pathname + '/stand', { redirect: 'error' });
      if (answer.ok && (await answer.text()) !== waiting.dataset.stand) {
        location.reload();
        return;
      }
    } catch {
      // The connection is gone for now: the next look may find it again.
    }
    setTimeout(look, 2000);
  };
  setTimeout(look, 1000);
})();
