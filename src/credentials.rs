//! User names and passwords of cameras: taken out of URLs, sealed before they are stored, and put back when a
//! recorder opens the URL.
//!
//! Sealed is XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) with a random nonce before the ciphertext. The camera's
//! identity is authenticated with it, so that nobody gives one camera the credentials of another.

use anyhow::{Context, Result, anyhow, bail};
use camcount_domain::CameraId;
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Generate, Payload},
};
use url::Url;

use crate::cli::Misuse;

const NONCE: usize = 24;

/// The key that credentials are sealed with.
pub(crate) struct SecretKey(XChaCha20Poly1305);

impl SecretKey {
    /// Reads 32 bytes in hex.
    pub(crate) fn read(hex: &str) -> Result<Self> {
        let hex = hex.trim();
        let bytes: Option<Vec<u8>> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()).collect();
        let cipher = bytes.as_deref().and_then(|bytes| XChaCha20Poly1305::new_from_slice(bytes).ok());
        cipher.map(Self).ok_or_else(|| {
            anyhow!(Misuse(
                "the secret key is not 64 hex digits; make one with `openssl rand -hex 32`".into()
            ))
        })
    }

    /// Seals a camera's credentials.
    pub(crate) fn seal(&self, camera: CameraId, login: &Login) -> Result<Vec<u8>> {
        let nonce =
            XNonce::try_generate().map_err(|_| anyhow!("this machine has no randomness to seal with"))?;
        let text = format!("{}\n{}", login.user, login.password);
        let payload = Payload { msg: text.as_bytes(), aad: camera.0.as_bytes() };
        let sealed =
            self.0.encrypt(&nonce, payload).map_err(|_| anyhow!("the credentials cannot be sealed"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`seal`](Self::seal) has sealed for this camera.
    pub(crate) fn open(&self, camera: CameraId, sealed: &[u8]) -> Result<Login> {
        let wrong = || {
            format!(
                "the credentials of camera {camera} were sealed with another secret key; enter them again"
            )
        };
        let (nonce, sealed) = sealed.split_at_checked(NONCE).with_context(wrong)?;
        let nonce = XNonce::try_from(nonce).ok().with_context(wrong)?;
        let payload = Payload { msg: sealed, aad: camera.0.as_bytes() };
        let text = self.0.decrypt(&nonce, payload).ok().with_context(wrong)?;
        let text = String::from_utf8(text).ok().with_context(wrong)?;
        let (user, password) = text.split_once('\n').with_context(wrong)?;
        Ok(Login { user: user.to_owned(), password: password.to_owned() })
    }
}

/// A user name and a password, percent-encoded as in the URL that they come from.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login {
    user: String,
    password: String,
}

impl Login {
    /// Takes them out of a source; what is no URL has none.
    pub(crate) fn split_off(source: &str) -> Result<(String, Option<Self>)> {
        if !source.contains("://") {
            return Ok((source.to_owned(), None));
        }
        // No word of the URL: it may hold a password.
        let mut url: Url = source.parse().map_err(|error| anyhow!("{error}")).with_context(|| {
            Misuse("the camera's URL cannot be read; characters like @ and / in passwords are written %40 and %2F".into())
        })?;
        let login =
            Self { user: url.username().to_owned(), password: url.password().unwrap_or_default().to_owned() };
        if login.user.is_empty() && login.password.is_empty() {
            return Ok((source.to_owned(), None));
        }
        if url.set_username("").and_then(|()| url.set_password(None)).is_err() {
            bail!(Misuse("the camera's URL has credentials but no host".into()));
        }
        Ok((url.into(), Some(login)))
    }

    /// Puts them back into a source.
    pub(crate) fn put_into(&self, source: &str) -> Result<String> {
        let mut url: Url =
            source.parse().context("the camera's source is no URL that could take credentials")?;
        let password = Some(self.password.as_str()).filter(|password| !password.is_empty());
        if url.set_username(&self.user).and_then(|()| url.set_password(password)).is_err() {
            bail!("the camera's URL has no host that could take credentials");
        }
        Ok(url.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(digit: &str) -> SecretKey {
        SecretKey::read(&digit.repeat(64)).unwrap()
    }

    #[test]
    fn credentials_go_round_and_are_bound_to_key_and_camera() {
        let given = "rtsp://admin:p%40ss%2F1@10.0.0.7:554/live?channel=1";
        let (source, login) = Login::split_off(given).unwrap();
        assert_eq!(source, "rtsp://10.0.0.7:554/live?channel=1");
        let (gate, yard) = (CameraId::of_footage("gate"), CameraId::of_footage("yard"));
        let sealed = key("a").seal(gate, &login.clone().unwrap()).unwrap();
        assert!(!sealed.windows(5).any(|part| part == b"admin"), "nothing shows");
        assert_ne!(sealed, key("a").seal(gate, &login.unwrap()).unwrap(), "nonces are new");
        assert_eq!(key("a").open(gate, &sealed).unwrap().put_into(&source).unwrap(), given);
        for refused in [
            key("b").open(gate, &sealed),
            key("a").open(yard, &sealed),
            key("a").open(gate, &sealed[..30]),
            key("a").open(gate, b""),
        ] {
            let error = refused.err().unwrap();
            assert!(format!("{error:#}").contains("another secret key"), "{error:#}");
        }
    }

    #[test]
    fn what_has_no_credentials_stays_as_it_is() {
        for source in ["rtsp://gate.example/a b?x=ü", "/srv/recordings", "s3://bucket/x"] {
            let (same, login) = Login::split_off(source).unwrap();
            assert_eq!((same.as_str(), login.is_none()), (source, true));
        }
        let error = Login::split_off("rtsp://user:secret@:bad:/x").err().unwrap();
        assert!(!format!("{error:#}").contains("secret"), "{error:#}");
        for bad in ["", "abc", "zz", &"a".repeat(62)] {
            assert!(SecretKey::read(bad).is_err());
        }
    }
}
