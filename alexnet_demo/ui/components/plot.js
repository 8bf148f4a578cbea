// A Plotly figure that is updated in place: the reader keeps the zoom while new data comes in.
// Streamlit's own st.plotly_chart makes a new plot for every change, which loses it.

const loads = new Map();
const drawn = new WeakMap(); // figure and theme that an element shows now

function loadPlotly(url) {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  if (!loads.has(url)) {
    loads.set(
      url,
      new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = url;
        script.onload = () => resolve(window.Plotly);
        script.onerror = () => reject(new Error(`could not load ${url}`));
        document.head.append(script);
      }),
    );
  }
  return loads.get(url);
}

// Theme colours reach components as CSS variables.
function themeOf(host) {
  const style = getComputedStyle(host);
  return {
    color: style.getPropertyValue("--st-text-color"),
    background: style.getPropertyValue("--st-background-color"),
    family: style.getPropertyValue("--st-font") || style.fontFamily,
  };
}

function themed(layout, { color, background, family }) {
  return {
    ...layout,
    font: { ...layout.font, color, family },
    hoverlabel: { bgcolor: background, font: { color } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color, activecolor: color },
  };
}

// What is saved is for a slide or a text: dark on white, whatever the page's theme.
const PAPER = { background: "#ffffff", color: "#22272e", family: "Helvetica, Arial, sans-serif" };

function saver(format, name) {
  const title = `Save as ${format}`;
  const words = `<text x="13" y="12" text-anchor="middle">${format}</text>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 26 16">${words}</svg>`;
  const click = (host) => {
    const { data, layout } = host; // as the reader has zoomed it
    const { width, height } = host.getBoundingClientRect();
    const paper = { paper_bgcolor: PAPER.background, plot_bgcolor: PAPER.background };
    const figure = { data, layout: { ...themed(layout, PAPER), ...paper } };
    const file = { format: format.toLowerCase(), filename: name, width, height, scale: 2 };
    window.Plotly.downloadImage(figure, format === "SVG" ? { ...file, scale: 1 } : file);
  };
  return { name: title, title, icon: { svg }, click };
}

// Zoom and pan only where there is something to see closer. Made once: with other buttons, equal as
// they may look, Plotly would draw all anew and forget the zoom.
const made = new Map();

function buttons({ name, zoom }) {
  const key = `${name} ${zoom}`;
  if (!made.has(key)) {
    const savers = [saver("PNG", name), saver("SVG", name)];
    const closer = [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]];
    made.set(key, [...(zoom ? closer : []), savers]);
  }
  return made.get(key);
}

export default function ({ data, parentElement }) {
  const host = parentElement.querySelector(".live-plot");
  host.setAttribute("aria-label", data.alt);
  const theme = themeOf(host);
  // Every poll comes here; drawing the same again would only take time from a training.
  const wanted = data.figure + JSON.stringify(theme);
  if (drawn.get(host) === wanted) return;
  const figure = JSON.parse(data.figure);
  host.style.height = `${figure.layout.height}px`;
  const config = {
    responsive: true,
    displaylogo: false,
    modeBarButtons: buttons(data),
  };
  if (!data.zoom) figure.layout.dragmode = false;
  const token = (host.dataset.token = String(Number(host.dataset.token || 0) + 1));
  loadPlotly(data.plotly)
    .then((Plotly) => {
      // Only the newest figure is drawn, should several arrive while Plotly loads.
      if (host.dataset.token !== token || !host.isConnected) return;
      Plotly.react(host, figure.data, themed(figure.layout, theme), config);
      drawn.set(host, wanted);
    })
    .catch((error) => {
      host.textContent = `The plot cannot be shown: ${error.message}.`;
    });
}
