//! How a page looks, and what axe-core says of it: pictures are in `artifacts/screenshots`.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::driver::Browser;

/// The released file of the registry's package `axe-core`.
const AXE: &str = include_str!("axe-core-4.14.1.min.js");

impl Browser {
    /// A screen of this many pixels; one of less than 600 is a phone's.
    pub async fn screen(&self, width: u32, height: u32, dark: bool) {
        let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1,
            "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", screen).await;
        let scheme = if dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// Nothing is wider than the screen.
    pub async fn fits(&self, what: &str) {
        let script = "const { scrollWidth, clientWidth } = document.documentElement;
            return [document.title, scrollWidth - clientWidth]";
        let found = self.run(script).await;
        assert_eq!(found[1], 0, "{what}: {found}");
    }

    /// A picture of the whole page, or of the screen while a window is in front of it.
    pub async fn picture(&self, name: &str) {
        let script = "const { scrollHeight, clientWidth } = document.documentElement;
            return [clientWidth, scrollHeight, Boolean(document.querySelector('dialog'))]";
        let size = self.run(script).await;
        let mut options = json!({ "format": "png" });
        if size[2] == Value::Bool(false) {
            // Long pages are cut: nobody looks at a picture of ten screens.
            let height = size[1].as_u64().unwrap().min(3_000);
            options["captureBeyondViewport"] = json!(true);
            options["clip"] =
                json!({ "x": 0, "y": 0, "width": size[0], "height": height, "scale": 1 });
        }
        self.keep(name, options).await;
    }

    /// A picture of what is on the screen.
    pub async fn screenshot(&self, name: &str) {
        self.keep(name, json!({ "format": "png" })).await;
    }

    async fn keep(&self, name: &str, options: Value) {
        let image = self.devtools("Page.captureScreenshot", options).await;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../artifacts/screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        let image = STANDARD.decode(image["data"].as_str().unwrap()).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), image).unwrap();
    }

    /// What axe-core finds that is serious or worse.
    pub async fn finds_nothing_serious(&self, what: &str) {
        // By the DevTools protocol, which no policy of a page keeps out.
        self.devtools("Runtime.evaluate", json!({ "expression": AXE })).await;
        let script = "return (async () => { const found = await axe.run(document, {
            runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] });
            return found.violations.filter(v => ['serious', 'critical'].includes(v.impact))
              .map(v => [v.id, v.nodes.map(n => n.html + ' ' + n.failureSummary).slice(0, 3)]) })()";
        let found = self.run(script).await;
        assert_eq!(found, json!([]), "{what}: {found:#}");
    }
}
