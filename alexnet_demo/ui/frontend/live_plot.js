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
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
  };
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
