// An SVG image that can be saved.
export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".drawing");
  if (!changed(root, data.svg)) return;
  root.innerHTML = data.svg;
  saveButtons(parentElement.querySelector(".save-buttons"), data.svg, data.name);
}
