//! Tells cargo what is part of the build, and packs the files of the page at `/docs`: of the archive that
//! Swagger UI comes in, they are a third.

use std::error::Error;
use std::fs::File;
use std::io::Cursor;
use std::path::Path;

use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::{ZipArchive, ZipWriter};

const PAGE: [&str; 7] = [
    "favicon-16x16.png",
    "favicon-32x32.png",
    "index.css",
    "index.html",
    "swagger-ui-bundle.js",
    "swagger-ui-standalone-preset.js",
    "swagger-ui.css",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rerun-if-changed=src/console/templates");
    println!("cargo::rerun-if-changed=src/easypay/templates");
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    let folder = archive.name_for_index(0).ok_or("an empty archive")??.into_owned();
    let mut page =
        ZipWriter::new(File::create(Path::new(&std::env::var("OUT_DIR")?).join("docs.zip"))?);
    for name in PAGE {
        page.raw_copy_file_rename(archive.by_name(&format!("{folder}dist/{name}"))?, name)?;
    }
    page.finish()?;
    Ok(())
}
