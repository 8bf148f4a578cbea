// The block diagram, with one block selected.
export default function ({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".diagram");
  if (changed(root, data.svg)) {
    root.innerHTML = data.svg;
    saveButtons(parentElement.querySelector(".save-buttons"), data.svg, "alexnet");
  }
  const blocks = [...root.querySelectorAll(".block")];
  const selected = blocks.find((block) => block.dataset.layer === data.layer) ?? blocks[0];
  selectOne(root, blocks, selected, blocks.length, (block) => {
    setStateValue("layer", block.dataset.layer);
  });
}
