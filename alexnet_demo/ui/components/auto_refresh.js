// The clock of a tab: the fastest of the page's tickers sends a request for all of them. A hidden tab
// sends one now and then, and at once when it is shown again.

const tickers = new Map(); // by element: seconds between requests, and how to send one
let sent = performance.now(); // when the last request was sent
let timer = 0;

function schedule() {
  clearTimeout(timer);
  if (!tickers.size) return;
  const fastest = [...tickers.values()].reduce((a, b) => (b.seconds < a.seconds ? b : a));
  const seconds = document.hidden ? fastest.hidden : fastest.seconds;
  timer = setTimeout(
    () => {
      sent = performance.now();
      fastest.send();
      schedule();
    },
    Math.max(0, sent + 1000 * seconds - performance.now()),
  );
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) sent = -Infinity;
  schedule();
});

export default function ({ data, parentElement, setTriggerValue }) {
  tickers.set(parentElement, { ...data, send: () => setTriggerValue("tick", true) });
  schedule();
  return () => {
    tickers.delete(parentElement);
    schedule();
  };
}
