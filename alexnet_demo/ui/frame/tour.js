// Brings what a stop of the tour speaks of into view, once for each stop. Where the bar with the
// task does not stay in sight, on small screens, nothing moves: it is to be read first.
let shown = "";

export default function ({ data }) {
  if (shown === data.stop || !matchMedia("(min-width: 900px) and (min-height: 700px)").matches) return;
  shown = data.stop;
  const until = Date.now() + 8000;
  const look = () => {
    const main = document.querySelector('[data-testid="stMain"]');
    if (!main || main.scrollTop > 0) return; // the reader moves already
    const place = document.querySelector(`.st-key-${data.place}`);
    const bar = document.querySelector(".st-key-tour-bar");
    const still = document.querySelector('[data-testid="stApp"][data-test-script-state="running"]');
    if (place && bar && !still) {
      place.style.scrollMarginTop = `${bar.getBoundingClientRect().height + 80}px`;
      place.scrollIntoView({ block: "start", behavior: "smooth" });
    } else if (Date.now() < until) setTimeout(look, 200);
  };
  look();
}
