//! What is known of the database in an object of an S3-compatible store, for machines whose disks do
//! not outlive them.

use std::io::{self, ErrorKind};
use std::sync::Mutex;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{ClientConfigKey, ObjectStoreExt, PutPayload, RetryConfig};
use url::Url;

use crate::storage::failover_guard::lock;
use crate::storage::failover_guard::outside::{Known, Pause};

const TIMEOUT: Duration = Duration::from_secs(5);

/// The object that `HIGH_WATER_MARK_URL` names.
#[derive(Debug)]
pub struct Object {
    store: AmazonS3,
    path: Path,
    /// What it holds as far as is known; `None` until it was read.
    held: Mutex<Option<Known>>,
}

impl Object {
    /// `url`: `s3://bucket/key`. The account is that of the `AWS_*` variables.
    pub fn open(url: &Url) -> io::Result<Self> {
        let retries = RetryConfig { max_retries: 1, retry_timeout: TIMEOUT, ..Default::default() };
        // What `AWS_*` says of the client stands.
        let timeout = AmazonS3ConfigKey::Client(ClientConfigKey::Timeout);
        let builder = AmazonS3Builder::from_env().with_url(url.as_str()).with_retry(retries);
        let builder = builder.with_config(timeout, format!("{} seconds", TIMEOUT.as_secs()));
        Ok(Self {
            store: builder.build()?,
            path: Path::from_url_path(url.path()).map_err(io::Error::other)?,
            held: Mutex::default(),
        })
    }

    /// Whether it has not been read yet.
    pub fn is_unread(&self) -> bool {
        lock(&self.held).is_none()
    }

    /// The pause that it holds.
    pub fn pause(&self) -> Option<Pause> {
        lock(&self.held).as_ref()?.pause.clone()
    }

    /// What it holds; nothing, where it is not there yet.
    pub async fn read(&self) -> io::Result<Known> {
        match self.bytes().await {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Known::default()),
            Err(error) => Err(error),
        }
    }

    /// It holds `known`, and that has been looked at.
    pub fn remember(&self, known: Known) {
        *lock(&self.held) = Some(known);
    }

    async fn bytes(&self) -> io::Result<Vec<u8>> {
        Ok(self.store.get(&self.path).await?.bytes().await?.into())
    }

    /// Brings it up to date.
    pub async fn write(&self, known: Known) -> io::Result<()> {
        if lock(&self.held).as_ref().is_some_and(|held| held.says_the_same(&known)) {
            return Ok(());
        }
        let payload = PutPayload::from(serde_json::to_vec(&known)?);
        self.store.put(&self.path, payload).await?;
        self.remember(known);
        Ok(())
    }
}
