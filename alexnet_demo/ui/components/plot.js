// A Plotly figure that is updated in place, so that its zoom survives new data. Streamlit's own
// st.plotly_chart creates a new plot for every change, which loses the zoom.

const loads = new Map(); // promises of Plotly, by file name
const plotted = new WeakMap(); // by element: its current figure and theme

function loadPlotly(file) {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  if (!loads.has(file)) {
    loads.set(
      file,
      new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = staticUrl(file);
        // A proxy may answer with a page of its own, which loads and defines nothing.
        script.onload = () => (window.Plotly ? resolve(window.Plotly) : reject());
        script.onerror = () => reject();
        document.head.append(script);
      }),
    );
  }
  return loads.get(file);
}

// Theme colors reach components as CSS variables.
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

// Saved files are for slides and documents: dark on white, whatever the page's theme.
const FILE_THEME = { background: "#ffffff", color: "#22272e", family: "Helvetica, Arial, sans-serif" };

function fileButton(format, name) {
  const title = `Save as ${format}`;
  const label = `<text x="13" y="12" text-anchor="middle">${format}</text>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 26 16">${label}</svg>`;
  const click = (host) => {
    const { data, layout } = host; // with the current zoom
    const { width, height } = host.getBoundingClientRect();
    const { background } = FILE_THEME;
    const colors = { paper_bgcolor: background, plot_bgcolor: background };
    const figure = { data, layout: { ...themed(layout, FILE_THEME), ...colors } };
    const file = { format: format.toLowerCase(), filename: name, width, height, scale: 2 };
    window.Plotly.downloadImage(figure, format === "SVG" ? { ...file, scale: 1 } : file);
  };
  return { name: title, title, icon: { svg }, click };
}

// Cached, since Plotly compares button lists by identity: a new list, even an equal one, makes it
// redraw the figure and lose the zoom.
const buttonLists = new Map();

function buttons({ name, zoom }) {
  const key = `${name} ${zoom}`;
  if (!buttonLists.has(key)) {
    const fileButtons = [fileButton("PNG", name), fileButton("SVG", name)];
    const zoomButtons = [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]];
    buttonLists.set(key, [...(zoom ? zoomButtons : []), fileButtons]);
  }
  return buttonLists.get(key);
}

export default function ({ data, parentElement, setStateValue }) {
  const host = parentElement.querySelector(".live-plot");
  host.setAttribute("aria-label", data.alt);
  const theme = themeOf(host);
  // Called on every poll: plotting the same figure again would take time from a run in progress.
  const version = data.figure + JSON.stringify(theme);
  if (plotted.get(host) === version) return;
  const figure = JSON.parse(data.figure);
  host.style.height = `${figure.layout.height}px`;
  const config = { responsive: true, displaylogo: false, modeBarButtons: buttons(data) };
  if (!data.zoom) figure.layout.dragmode = false;
  const token = (host.dataset.token = String(Number(host.dataset.token || 0) + 1));
  const plot = (Plotly) => {
    // If several figures arrive while Plotly loads, plot only the newest.
    if (host.dataset.token !== token || !host.isConnected) return;
    Plotly.react(host, figure.data, themed(figure.layout, theme), config);
    plotted.set(host, version);
  };
  // Without the script, the server sends the figure for Streamlit's own component instead.
  loadPlotly(data.plotly).then(plot, () => setStateValue("failed", true));
}
