// Scrolls to the part of the page that a stop is about, below the sticky bar, and keeps it there
// while the page above it still grows; until the reader does something.
const SETTLE_MS = 5_000;
let lastStop = null;

export default function ({ data }) {
  if (lastStop === data.stop) return;
  lastStop = data.stop;
  let touched = false;
  for (const kind of ["wheel", "touchmove", "pointerdown", "keydown"]) {
    addEventListener(kind, () => (touched = true), { once: true, passive: true });
  }
  let end = Date.now() + 60_000; // the first time, the page loads PyTorch
  let found = false;
  const align = () => {
    if (touched || lastStop !== data.stop) return;
    const target = document.querySelector(`.st-key-${data.target}`);
    const bar = document.querySelector(".st-key-tour-bar");
    const busy = document.querySelector('[data-testid="stApp"][data-test-script-state="running"]');
    if (target && bar && !busy) {
      if (!found) end = Date.now() + SETTLE_MS;
      const gap = target.getBoundingClientRect().top - bar.getBoundingClientRect().bottom;
      if (gap < 0 || gap > innerHeight / 4) {
        target.style.scrollMarginTop = `${bar.getBoundingClientRect().height + 80}px`;
        target.scrollIntoView({ block: "start", behavior: found ? "instant" : "smooth" });
      }
      found = true;
    }
    if (Date.now() < end) setTimeout(align, 500);
  };
  align();
}
