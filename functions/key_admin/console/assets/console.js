// What the pages need beside htmx: copying, the menu of narrow screens, and saying what happened.
(() => {
  "use strict";
  const announce = (text) => {
    const region = document.getElementById("announcements");
    if (!region) return;
    region.textContent = "";
    // A text that is there already is not read again.
    window.setTimeout(() => { region.textContent = text; }, 50);
  };

  const copied = async (button) => {
    const source = document.querySelector(button.dataset.copy);
    if (!source) return;
    const words = document.getElementById("announcements").dataset.copied;
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch {
      // Without a secure context there is no clipboard: the text is selected, to be copied by hand.
      const range = document.createRange();
      range.selectNodeContents(source);
      const selection = window.getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      if (!document.execCommand("copy")) return;
    }
    const label = button.textContent;
    button.textContent = words;
    button.classList.add("done");
    announce(words);
    window.setTimeout(() => { button.textContent = label; button.classList.remove("done"); }, 2000);
  };

  // What is shown this once, as a file; it is in the page already.
  const saved = (button) => {
    const text = document.querySelector(button.dataset.save).textContent;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = button.dataset.name;
    link.click();
    URL.revokeObjectURL(link.href);
  };

  document.addEventListener("change", async (event) => {
    const { checkAll, fill } = event.target.dataset;
    if (checkAll !== undefined) {
      const boxes = event.target.form.querySelectorAll("input[type=checkbox][name]");
      for (const box of boxes) box.checked = event.target.checked;
    }
    if (fill && event.target.files.length) {
      document.querySelector(fill).value = await event.target.files[0].text();
    }
  });

  document.addEventListener("click", (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) copied(copy);
    const save = event.target.closest("[data-save]");
    if (save) saved(save);
    const menu = event.target.closest("[data-menu]");
    if (menu) {
      const open = menu.getAttribute("aria-expanded") !== "true";
      menu.setAttribute("aria-expanded", String(open));
      document.documentElement.classList.toggle("menu-open", open);
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = document.querySelector("[data-menu][aria-expanded=true]");
    if (!menu) return;
    menu.setAttribute("aria-expanded", "false");
    document.documentElement.classList.remove("menu-open");
    menu.focus();
  });

  // A filter that is blank is no part of the address.
  document.addEventListener("htmx:configRequest", (event) => {
    const parameters = event.detail.parameters;
    for (const name of Object.keys(parameters)) if (parameters[name] === "") delete parameters[name];
  });
  // A page of an error stands where the region would have: better the whole page than half of one.
  document.addEventListener("htmx:responseError", () => window.location.reload());
})();
