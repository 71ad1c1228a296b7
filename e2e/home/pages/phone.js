// Opens the Kunden-App in a window of a phone's size at the right edge, beside
// the WebCenter. Without this script it opens in a tab, in a frame of its own.
for (const link of document.querySelectorAll('a[data-phone]')) {
  link.addEventListener('click', (event) => {
    const left = Math.max(0, screen.availWidth - 450);
    const opened = window.open(link.href, 'kundenapp', `popup,width=430,height=900,left=${left},top=20`);
    if (opened) event.preventDefault();
  });
}
