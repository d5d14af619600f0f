//! Packs the files of the page at `/docs`, and tells cargo what else is embedded.

use std::error::Error;
use std::fs::File;
use std::io::Cursor;
use std::path::Path;

use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::{ZipArchive, ZipWriter};

/// What the page of Swagger UI loads, a third of its archive.
const PAGE: [&str; 9] = [
    "favicon-16x16.png",
    "favicon-32x32.png",
    "index.css",
    "index.html",
    "oauth2-redirect.html",
    "oauth2-redirect.js",
    "swagger-ui-bundle.js",
    "swagger-ui-standalone-preset.js",
    "swagger-ui.css",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rerun-if-changed=src/console/templates");
    println!("cargo::rerun-if-changed=src/easypay/templates");
    pack_page(&Path::new(&std::env::var("OUT_DIR")?).join("swagger-ui.zip"))
}

/// Copies the files as they are compressed in the archive, out of its only folder.
fn pack_page(packed: &Path) -> Result<(), Box<dyn Error>> {
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    let folder = archive.name_for_index(0).ok_or("the archive is empty")??.into_owned();
    let mut page = ZipWriter::new(File::create(packed)?);
    for name in PAGE {
        let index = archive.index_for_name(&format!("{folder}dist/{name}")).ok_or(name)?;
        page.raw_copy_file_rename(archive.by_index_raw(index)?, name)?;
    }
    page.finish()?;
    Ok(())
}
