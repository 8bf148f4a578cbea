const moved = new WeakSet(); // elements that were scrolled: there they stay

// On a phone some drawings are wider than the page: begin with what is chosen.
function reveal(root, chosen) {
  if (!moved.has(root)) {
    const { left, width } = chosen.getBoundingClientRect();
    const frame = root.getBoundingClientRect();
    root.scrollLeft += left + width / 2 - (frame.left + frame.width / 2);
  }
  root.onscroll = () => moved.add(root);
}

