// Drag and drop of pictures onto the field; everything else works without JavaScript.
for (const field of document.querySelectorAll(".drop")) {
  const input = field.querySelector("input");
  for (const kind of ["dragover", "dragenter"]) field.addEventListener(kind, (event) => { event.preventDefault(); field.classList.add("over"); });
  for (const kind of ["dragleave", "drop"]) field.addEventListener(kind, (event) => { event.preventDefault(); field.classList.remove("over"); });
  field.addEventListener("drop", (event) => { if (event.dataTransfer.files.length) { input.files = event.dataTransfer.files; input.form.requestSubmit(); } });
}
