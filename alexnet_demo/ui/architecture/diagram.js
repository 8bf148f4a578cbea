// The block diagram and the article's code, with one block and its lines selected.
export default function ({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".diagram");
  if (changed(root, data.svg)) {
    root.innerHTML = data.svg;
    saveButtons(parentElement.querySelector(".save-buttons"), data.svg, "alexnet");
  }
  const blocks = [...root.querySelectorAll(".block")];
  const select = (item) => setStateValue("layer", item.dataset.layer);
  selectOne(root, blocks, withLayer(blocks, data.layer), blocks.length, select);

  const details = parentElement.querySelector("details");
  details.hidden = !data.code.length;
  if (details.hidden) return;
  const code = details.querySelector(".code");
  if (changed(code, data.code)) {
    code.replaceChildren(...data.code.map(([layer, lines]) => renderPart(layer, lines)));
  }
  const parts = [...code.querySelectorAll("[data-layer]")];
  const selected = withLayer(parts, data.layer);
  scrolled.add(code); // code starts at the left, where lines begin
  selectOne(code, parts, selected, 1, select);
  details.ontoggle = () => showPart(code, selected);
  showPart(code, selected);
}

function withLayer(items, layer) {
  return items.find((item) => item.dataset.layer === layer) ?? items[0];
}

// Indented with tabs, which are narrower on phones.
function renderPart(layer, lines) {
  const toTabs = (indent) => "\t".repeat(indent.length / 4);
  const part = createElement("div", lines.replace(/^( {4})+/gm, toTabs));
  if (layer) part.dataset.layer = layer;
  return part;
}

// Scroll the code, not the page, to a part that is out of sight.
function showPart(code, part) {
  const { offsetTop: top, offsetHeight: height } = part;
  const isVisible =
    top >= code.scrollTop && top + height <= code.scrollTop + code.clientHeight;
  if (!isVisible) code.scrollTop = top - (code.clientHeight - height) / 2;
}
