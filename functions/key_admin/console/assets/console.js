// What the pages need beside htmx: copying, the menu of narrow screens, saying what happened, and
// showing an answer as it comes.
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

  // A line of the answer is markup: each of its parts says into what it goes, or into the region.
  const place = (region, line) => {
    const holder = document.createElement("template");
    holder.innerHTML = line;
    for (const part of [...holder.content.children]) {
      (document.getElementById(part.dataset.to) || region).append(part);
      if (part.dataset.say) announce(part.dataset.say);
    }
  };

  const streamed = async (form) => {
    const region = document.getElementById(form.dataset.stream);
    const button = form.querySelector("button");
    const body = new URLSearchParams(new FormData(form));
    region.textContent = "";
    region.setAttribute("aria-busy", "true");
    button.disabled = true;
    try {
      const answer = await fetch(form.action, { method: "POST", body, headers: { "hx-request": "true" } });
      const elsewhere = answer.headers.get("hx-redirect");
      if (elsewhere) return window.location.assign(elsewhere);
      // What is wrong stands beside its field, on a page of its own.
      if (!answer.ok) return form.submit();
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
        const lines = (rest + piece.value).split("\n");
        rest = lines.pop();
        for (const line of lines) place(region, line);
      }
    } catch {
      const broken = document.createElement("p");
      broken.className = "notice bad";
      broken.textContent = region.dataset.broken;
      region.append(broken);
      announce(broken.textContent);
    } finally {
      region.removeAttribute("aria-busy");
      button.disabled = false;
    }
  };

  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-stream]");
    if (!form || !window.TextDecoderStream) return;
    event.preventDefault();
    streamed(form);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = document.querySelector("[data-menu][aria-expanded=true]");
    if (!menu) return;
    menu.setAttribute("aria-expanded", "false");
    document.documentElement.classList.remove("menu-open");
    menu.focus();
  });

  // A file is read into the field that is sent; without scripts its text is pasted there.
  for (const one of document.querySelectorAll("[data-file]")) one.hidden = false;
  document.addEventListener("change", async (event) => {
    const [file] = (event.target.dataset.into && event.target.files) || [];
    if (file) document.querySelector(event.target.dataset.into).value = await file.text();
  });

  // What happens right now is asked for again while somebody looks at it. A tab that was left asks for
  // nothing: the function behind it is to come to rest.
  const LIVE_MS = 10000;
  const IDLE_MS = 300000;
  let touched = Date.now();
  for (const name of ["pointerdown", "pointermove", "keydown", "wheel", "visibilitychange"]) {
    document.addEventListener(name, () => { touched = Date.now(); }, { passive: true });
  }
  window.setInterval(() => {
    const tile = document.querySelector("[data-live]");
    if (!tile || document.visibilityState !== "visible") return;
    const stopped = Date.now() - touched > IDLE_MS;
    tile.querySelector("[data-stopped]").hidden = !stopped;
    if (!stopped) window.htmx.trigger(tile, "live");
  }, LIVE_MS);

  // A filter that is blank is no part of the address, and neither is the whole of a key that was
  // pasted into a search: 8 characters after its prefix find it (keys.py does the same).
  document.addEventListener("htmx:configRequest", (event) => {
    const parameters = event.detail.parameters;
    for (const field of event.detail.elt.querySelectorAll("[data-key-prefix]")) {
      const { keyPrefix } = field.dataset;
      const text = field.value.trim();
      if (text.startsWith(keyPrefix) && /^[\w-]+$/.test(text)) {
        field.value = text.slice(0, keyPrefix.length + 8);
        parameters[field.name] = field.value;
      }
    }
    for (const name of Object.keys(parameters)) if (parameters[name] === "") delete parameters[name];
  });
  // A page of an error stands where the region would have: better the whole page than half of one.
  // A part that the page asks for by itself says that it failed: by a reload it would be asked for
  // again and again.
  const failed = (event) => {
    const part = event.target.closest("[aria-busy]");
    const words = part && part.querySelector("[data-failed]");
    if (words) {
      words.textContent = words.dataset.failed;
      part.removeAttribute("aria-busy");
    }
    return Boolean(words);
  };
  document.addEventListener("htmx:sendError", failed);
  document.addEventListener("htmx:responseError", (event) => {
    if (event.target.closest("[data-live]")) return;
    if (failed(event)) return;
    // What was typed into a filter is kept by the address that was asked for.
    const filter = event.detail.elt.closest("form[hx-push-url]");
    if (filter) window.location.assign(event.detail.pathInfo.finalRequestPath);
    else window.location.reload();
  });
})();
