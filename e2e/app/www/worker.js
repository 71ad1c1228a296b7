// The service worker keeps the shell: the app's own files, all of one version.
// It never keeps an answer of the backend or of the gate.
importScripts('/shell.js');

const { version, files } = self.shell;
const NAME = `shell-${version}`;

self.addEventListener('install', (event) => {
  const fetched = files.map((file) => new Request(file, { cache: 'reload' }));
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(fetched)).then(() => self.skipWaiting()));
});

self.addEventListener('activate', (event) => {
  const old = async () => {
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name !== NAME).map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(old());
});

self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || url.origin !== self.location.origin) return;
  const file = event.request.mode === 'navigate' ? '/' : url.pathname;
  if (!files.includes(file)) return;
  event.respondWith(caches.open(NAME).then((cache) => cache.match(file)).then((kept) => kept ?? fetch(event.request)));
});
