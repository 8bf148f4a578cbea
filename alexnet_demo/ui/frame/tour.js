// Scrolls to the part of the page that a stop is about, once per stop. On small screens, where the
// bar with the task is not sticky, nothing moves: the task is to be read first.
let lastStop = null;

export default function ({ data }) {
  if (lastStop === data.stop || !matchMedia("(min-width: 900px) and (min-height: 700px)").matches) return;
  lastStop = data.stop;
  const deadline = Date.now() + 8000;
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
