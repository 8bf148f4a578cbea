// Scrolls to the part of the page that a stop is about, once per stop, below the sticky bar.
let lastStop = null;

export default function ({ data }) {
  if (lastStop === data.stop) return;
  lastStop = data.stop;
  const deadline = Date.now() + 60_000; // the first time, the page loads PyTorch
  const scroll = () => {
    const main = document.querySelector('[data-testid="stMain"]');
    if (!main || main.scrollTop > 0) return; // the reader is scrolling already
    const target = document.querySelector(`.st-key-${data.target}`);
    const bar = document.querySelector(".st-key-tour-bar");
    const busy = document.querySelector('[data-testid="stApp"][data-test-script-state="running"]');
    if (target && bar && !busy) {
      target.style.scrollMarginTop = `${bar.getBoundingClientRect().height + 80}px`;
      target.scrollIntoView({ block: "start", behavior: "smooth" });
    } else if (Date.now() < deadline) setTimeout(scroll, 200);
  };
  scroll();
}
