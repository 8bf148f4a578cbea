// Helpers for every component: this file goes before each one's own code.

// ---------------------------------------------------------------------- state

const instances = new WeakMap();

// The object that belongs to an element, created on the first call.
function instance(element, create) {
  if (!instances.has(element)) instances.set(element, create());
  return instances.get(element);
}

const rendered = new WeakMap();

// Whether a value differs from the one that the element showed last. Rendering the same value again
// would take time and lose the keyboard focus.
function changed(element, value) {
  const text = JSON.stringify(value);
  if (rendered.get(element) === text) return false;
  rendered.set(element, text);
  return true;
}

// The URL of a file in the folder `static`. Only the browser knows it, since a proxy may strip a
// prefix from the path before the server sees it: it is beside Streamlit's own scripts.
function staticUrl(file) {
  const script = document.querySelector('script[src*="static/js/"]');
  return new URL(`${script ? "../../" : "./"}app/static/${file}`, script?.src ?? document.baseURI).href;
}

function createElement(tag, text = "", className = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

// ------------------------------------------------------------------ selection

// Keep one of several items in rows selected, by click, Enter, or arrow key. Only the selected one
// is in the tab order.
function selectOne(root, items, selected, columns, onSelect) {
  const mark = (selected) => {
    for (const item of items) {
      item.setAttribute("role", "button");
      item.setAttribute("aria-pressed", item === selected);
      item.setAttribute("tabindex", item === selected ? 0 : -1);
    }
  };
  const select = (item) => {
    mark(item);
    onSelect(item, items.indexOf(item));
  };
  mark(selected);
  scrollToSelected(root, selected);

  root.onclick = (event) => {
    const item = items.find((each) => each.contains(event.target));
    if (item) select(item);
  };
  root.onkeydown = (event) => {
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns };
    const step = { ...steps, Enter: 0, " ": 0 }[event.key];
    const index = items.findIndex((each) => each.contains(event.target));
    const next = items[index + step];
    if (index < 0 || !next) return;
    event.preventDefault();
    const sameRow = Math.floor(index / columns) === Math.floor((index + step) / columns);
    if (/Left|Right/.test(event.key) && !sameRow) return;
    next.focus();
    select(next);
  };
}

const scrolled = new WeakSet(); // elements that keep their scroll position

// Show the selected item where the content is wider than the page, as on a phone, and the hint after
// the element while there is something to scroll to.
function scrollToSelected(root, selected) {
  const hint = root.nextElementSibling;
  instance(root, () => {
    const observer = new ResizeObserver(() => {
      hint.hidden = root.scrollWidth <= root.clientWidth;
    });
    observer.observe(root);
    return observer;
  });
  if (!scrolled.has(root)) {
    const { left, width } = selected.getBoundingClientRect();
    const frame = root.getBoundingClientRect();
    root.scrollLeft += left + width / 2 - (frame.left + frame.width / 2);
  }
  root.onscroll = () => scrolled.add(root);
}

// --------------------------------------------------------------- saving images

// Put two buttons into a row that save an SVG image as a file, in its own colors, not the theme's.
function saveButtons(row, svg, name) {
  const formats = {
    SVG: async () => new Blob([svg], { type: "image/svg+xml" }),
    PNG: () => toPng(svg),
  };
  row.replaceChildren(
    ...Object.entries(formats).map(([format, encode]) => {
      const button = createElement("button", format);
      button.type = "button";
      button.title = `Save as ${format}`;
      button.setAttribute("aria-label", `${button.title}: ${name}`);
      button.onclick = async () => save(await encode(), `${name}.${format.toLowerCase()}`);
      return button;
    }),
  );
}

// At twice the size, for slides and high-density screens.
async function toPng(svg) {
  const url = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = 2 * image.naturalWidth;
    canvas.height = 2 * image.naturalHeight;
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  } finally {
    URL.revokeObjectURL(url);
  }
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const PLAY_ICON = "M8 5v14l11-7z";
const PAUSE_ICON = "M6 5h4v14H6zM14 5h4v14h-4z";

// What a button that plays and pauses shows and is called.
function showPlaying(button, playing) {
  button.title = playing ? "Pause" : "Play";
  button.setAttribute("aria-label", button.title);
  button.querySelector("path").setAttribute("d", playing ? PAUSE_ICON : PLAY_ICON);
}

