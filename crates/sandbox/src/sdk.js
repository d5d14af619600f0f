// The sandbox's own KiwoomPaySDK: the two calls merchants use, opening the sandbox's window.
// Styles are set through the CSSOM and nothing is inline, so that a strict CSP lets it work.
(() => {
  "use strict";

  const base = document.currentScript.src.replace(/\/sdk\.js(\?.*)?$/, "");
  const WIDTH = 468;
  const HEIGHT = 750;
  let display = "POPUP";
  let overlay = null;
  let frame = null;
  let popup = null;

  function style(element, rules) {
    for (const [name, value] of Object.entries(rules)) {
      element.style.setProperty(name, value);
    }
    return element;
  }

  function close() {
    if (overlay) {
      overlay.close();
      overlay.remove();
    }
    overlay = null;
    frame = null;
  }

  function closed() {
    close();
    window.dispatchEvent(new CustomEvent("kiwoompay:closed"));
  }

  // A modal dialog: the page behind it takes no focus, Escape closes it, and the focus goes back.
  function openFrame() {
    close();
    overlay = style(document.createElement("dialog"), {
      position: "fixed", inset: "0", width: "100vw", height: "100dvh", "max-width": "none",
      "max-height": "none", margin: "0", padding: "0", border: "0", overflow: "hidden",
      display: "flex", "align-items": "center", "justify-content": "center",
      background: "rgba(0, 0, 0, .5)",
    });
    overlay.setAttribute("aria-label", "키움페이 결제창");
    overlay.addEventListener("cancel", closed);
    const box = style(document.createElement("div"), {
      position: "relative", width: `min(100vw, ${WIDTH}px)`, height: `min(100dvh, ${HEIGHT}px)`,
      background: "#fff",
    });
    frame = style(document.createElement("iframe"), {
      width: "100%", height: "100%", border: "0",
    });
    frame.name = "kiwoompay_frame";
    frame.title = "키움페이 결제창";
    const button = style(document.createElement("button"), {
      position: "absolute", top: "8px", right: "8px", width: "36px", height: "36px", border: "0",
      "border-radius": "18px", background: "#0009", color: "#fff", font: "20px sans-serif",
      cursor: "pointer",
      padding: "0", display: "grid", "place-items": "center", "line-height": "1",
    });
    button.type = "button";
    button.textContent = "×";
    button.setAttribute("aria-label", "결제창 닫기");
    button.addEventListener("click", closed);
    box.append(frame, button);
    overlay.append(box);
    document.body.append(overlay);
    overlay.showModal();
    frame.focus();
    return frame.name;
  }

  function openPopup() {
    const left = Math.max(0, Math.round((screen.width - WIDTH) / 2));
    const top = Math.max(0, Math.round((screen.height - HEIGHT) / 2));
    const features = `width=${WIDTH},height=${HEIGHT},left=${left},top=${top}`;
    popup = window.open("", "kiwoompay_popup", `${features},scrollbars=yes,resizable=yes`);
    return popup ? "kiwoompay_popup" : null;
  }

  // A pop-up closed by its title bar tells nobody.
  setInterval(() => {
    if (popup && popup.closed) {
      popup = null;
      closed();
    }
  }, 300);

  function post(data, target) {
    const form = document.createElement("form");
    form.method = "post";
    form.action = `${base}/pay/linkEnc`;
    form.acceptCharset = "EUC-KR";
    form.target = target;
    form.hidden = true;
    for (const [name, value] of Object.entries(data)) {
      const input = document.createElement("input");
      input.type = "hidden";
      input.name = name;
      input.value = value ?? "";
      form.append(input);
    }
    document.body.append(form);
    form.submit();
    form.remove();
  }

  // The window asks to be removed, or the merchant's return page says that it is done.
  window.addEventListener("message", (event) => {
    const type = event.data && event.data.type;
    if (!String(type).startsWith("kiwoompay:")) {
      return;
    }
    if (popup && event.source === popup) {
      popup = null;
    }
    if (frame && event.source === frame.contentWindow) {
      (type === "kiwoompay:close" ? closed : close)();
    }
  });

  window.KiwoomPaySDK = {
    // mode: DEV or REAL, of no meaning here. shown: FRAME or POPUP.
    f_setInit(mode, shown) {
      display = shown === "FRAME" ? "FRAME" : "POPUP";
    },

    // sdkData: the fields of the form. A blocked pop-up becomes a frame.
    f_payTotalLink(sdkData) {
      post(sdkData, (display === "POPUP" && openPopup()) || openFrame());
    },

    // Removes the frame; a return page in it may also post {type: "kiwoompay:…"} to its parent.
    f_close: close,
  };
})();
