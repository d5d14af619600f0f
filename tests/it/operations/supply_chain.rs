//! What the program is made of: the list that is published, and what the settings of the build say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(ROOT).join(name)).unwrap()
}

/// Name and version of each crate that is compiled into the program, or whose files `build.rs` packs into it.
fn compiled_in() -> BTreeSet<(String, String)> {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["tree", "--locked", "--offline", "--package", "kiwoom-billing"])
        .current_dir(ROOT);
    command.args(["--edges", "normal,build", "--prefix", "none", "--format", "{p}"]);
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let text = String::from_utf8(done.stdout).unwrap();
    // Our own have no checksum: they stand with their folder.
    let lines = text.lines().filter(|line| !line.contains("(proc-macro)") && !line.contains(ROOT));
    let named = lines.filter_map(|line| line.split_once(" v"));
    let all = named.map(|(name, rest)| (name, rest.split(' ').next().unwrap()));
    all.map(|(name, version)| (name.to_owned(), version.to_owned())).collect()
}

/// The checksum of each crate in Cargo.lock.
fn checksums() -> BTreeMap<(String, String), String> {
    let lock = read("Cargo.lock");
    let value = |block: &str, key: &str| {
        let start = format!("{key} = \"");
        let line = block.lines().find_map(|line| line.strip_prefix(&start));
        line.map(|line| line.trim_end_matches('"').to_owned())
    };
    let blocks = lock.split("[[package]]").filter_map(|block| {
        let id = (value(block, "name")?, value(block, "version")?);
        Some((id, value(block, "checksum")?))
    });
    blocks.collect()
}

#[test]
#[ignore = "needs the file that `make sbom` writes; CI runs it after that"]
fn the_list_names_every_crate_with_licence_and_checksum() {
    let list: Value = serde_json::from_str(&read("target/sbom/kiwoom-billing.cdx.json")).unwrap();
    assert_eq!(list["bomFormat"], "CycloneDX");
    assert_eq!(list["metadata"]["component"]["name"], "kiwoom-billing");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let components = list["components"].as_array().unwrap();
    let listed: BTreeMap<_, _> =
        components.iter().map(|c| ((text(&c["name"]), text(&c["version"])), c)).collect();
    let (compiled_in, checksums) = (compiled_in(), checksums());
    assert!(compiled_in.len() > 100, "{}", compiled_in.len());
    for id in &compiled_in {
        let component = listed.get(id).unwrap_or_else(|| panic!("{id:?} is not listed"));
        let licence = &component["licenses"][0];
        let named = licence["expression"].is_string() || licence["license"].is_object();
        assert!(named, "{id:?} has no licence: {component}");
        let hash = &component["hashes"][0];
        assert_eq!(hash["alg"], "SHA-256", "{component}");
        assert_eq!(text(&hash["content"]), checksums[id], "{id:?}");
        let purl = format!("pkg:cargo/{}@{}", id.0, id.1.replace('+', "%2B"));
        assert_eq!(text(&component["purl"]), purl);
    }
    println!("{} crates compiled in, {} listed", compiled_in.len(), listed.len());
}

/// Without `--locked`, cargo takes newer versions than those that were checked.
#[test]
fn every_build_is_locked() {
    let verbs = ["build", "run", "test", "clippy", "install", "deny", "metadata", "tree"];
    for file in ["Makefile", "Dockerfile", ".ci/run", "scripts/sbom.sh", "scripts/mutants.sh"] {
        let joined = read(file).replace("\\\n", " ");
        for line in joined.lines().filter(|line| !line.trim_start().starts_with('#')) {
            let mut words = line.split_whitespace().skip_while(|word| *word != "cargo").skip(1);
            let verb = words.next().unwrap_or_default();
            assert!(!verbs.contains(&verb) || line.contains("--locked"), "{file}: {line}");
        }
    }
}

#[test]
fn no_package_has_unsafe_code() {
    let manifest = read("Cargo.toml");
    assert!(manifest.contains("[workspace.lints.rust]\nunsafe_code = \"forbid\""));
    let members = manifest.split("members = [").nth(1).unwrap().split(']').next().unwrap();
    let members =
        members.split('"').skip(1).step_by(2).map(|member| format!("{member}/Cargo.toml"));
    for manifest in members.chain(["Cargo.toml".to_owned()]) {
        assert!(read(&manifest).contains("[lints]\nworkspace = true"), "{manifest}");
    }
}
