// What puts a drawing into a file. Stands before the code of each component that shows one.

// Two buttons in a row that save the drawing as it stands alone, not as the page dresses it.
function offerFiles(row, svg, name) {
  const kinds = {
    SVG: async () => new Blob([svg], { type: "image/svg+xml" }),
    PNG: () => asPng(svg),
  };
  row.replaceChildren(
    ...Object.entries(kinds).map(([kind, make]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = kind;
      button.title = `Save as ${kind}`;
      button.setAttribute("aria-label", `${button.title}: ${name}`);
      button.onclick = async () => save(await make(), `${name}.${kind.toLowerCase()}`);
      return button;
    }),
  );
}

// Twice as large as it is drawn, for slides and sharp screens.
async function asPng(svg) {
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
