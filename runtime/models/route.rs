//! Which way a provider is reached: directly or through a proxy, and by whose certificates.
//!
//! A provider has one address, so the way is decided once, when its client is built, and the client then knows no other.
//! The rules for `NO_PROXY` are those of `hyper-util`, which curl and most programs share. The environment is not read
//! here: its variables come through the same closure as keys.
//!
//! A loopback address is never asked of a proxy that the environment names. A proxy for the way out is what the variable
//! is for; it cannot know this machine's own servers, and a local model behind it would just not be found. A proxy that
//! the configuration names for a provider is used for whatever address that provider has.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{Certificate, ClientBuilder, Proxy, Url};

use crate::config::{ConfigError, ProviderConfig};
use crate::registry::KeyResolver;

/// Takes the proxy from the environment.
const FROM_ENVIRONMENT: &str = "env";
/// Uses no proxy whatever the environment says.
const NONE: &str = "none";
/// Most bytes of a file of certificates.
const CA_FILE_BYTES_MAX: u64 = 1024 * 1024;
/// What a proxy is spoken to with.
const SCHEMES: [&str; 6] = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"];

/// The way to one provider, as people are told it: without names of users and passwords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The host that is asked.
    pub host: String,
    /// The proxy, where there is one.
    pub proxy: Option<RouteProxy>,
    /// The file of further certificates, where there is one.
    pub ca_file: Option<PathBuf>,
}

/// A proxy, and who named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteProxy {
    /// Scheme, host and port.
    pub address: String,
    /// The environment variable or the key of the configuration.
    pub named_by: String,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.proxy {
            None => write!(f, "{} directly", self.host)?,
            Some(proxy) => write!(
                f,
                "{} through the proxy {} ({})",
                self.host, proxy.address, proxy.named_by
            )?,
        }
        match &self.ca_file {
            Some(path) => write!(f, ", also by the certificates of {}", path.display()),
            None => Ok(()),
        }
    }
}

/// A way with what a client needs to take it.
pub(crate) struct Way {
    /// What people are told.
    pub(crate) route: Route,
    proxy: Option<Proxy>,
    certificates: Vec<Certificate>,
}

impl Way {
    /// Finds the way of a provider to its address.
    pub(crate) fn find(
        name: &str,
        config: &ProviderConfig,
        url: &Url,
        variables: &KeyResolver,
    ) -> Result<Self, ConfigError> {
        let found = match config.proxy.as_deref().map_or(FROM_ENVIRONMENT, str::trim) {
            NONE => None,
            FROM_ENVIRONMENT | "" => of_environment(name, url, variables)?,
            proxy => Some(of_text(name, proxy, "proxy")?),
        };
        let certificates = match &config.ca_file {
            Some(path) => certificates(name, path)?,
            None => Vec::new(),
        };
        let (proxy, shown) = found.map_or((None, None), |(proxy, shown)| (Some(proxy), Some(shown)));
        Ok(Self {
            route: Route {
                host: host_and_port(url),
                proxy: shown,
                ca_file: config.ca_file.clone(),
            },
            proxy,
            certificates,
        })
    }

    /// Has a client take this way and no other.
    pub(crate) fn take(self, builder: ClientBuilder) -> ClientBuilder {
        // Also forgets the environment, which the client would read itself.
        let builder = builder.no_proxy().tls_certs_merge(self.certificates);
        match self.proxy {
            Some(proxy) => builder.proxy(proxy),
            None => builder,
        }
    }
}

type Found = (Proxy, RouteProxy);

fn of_environment(name: &str, url: &Url, variables: &KeyResolver) -> Result<Option<Found>, ConfigError> {
    if is_loopback(url) {
        return Ok(None);
    }
    let of_scheme = if url.scheme() == "https" {
        "HTTPS_PROXY"
    } else {
        "HTTP_PROXY"
    };
    let Some((variable, value)) = variable(of_scheme, variables).or_else(|| variable("ALL_PROXY", variables))
    else {
        return Ok(None);
    };
    let exceptions = variable_value("NO_PROXY", variables);
    let named = of_text(name, &value, &variable)?;
    // The matcher is asked about exceptions alone: it passes over a proxy whose scheme it does not know.
    let matcher = Matcher::builder()
        .all("http://proxy.invalid")
        .no(exceptions)
        .build();
    let is_asked = url
        .as_str()
        .parse::<http::Uri>()
        .is_ok_and(|uri| matcher.intercept(&uri).is_some());
    Ok(is_asked.then_some(named))
}

/// The first of both spellings that says something, with the spelling: an empty variable is an unset one.
fn variable(upper: &str, variables: &KeyResolver) -> Option<(String, String)> {
    [upper.to_lowercase(), upper.to_owned()]
        .into_iter()
        .find_map(|spelling| {
            let value = variables(&spelling)?.trim().to_owned();
            (!value.is_empty()).then_some((spelling, value))
        })
}

fn variable_value(upper: &str, variables: &KeyResolver) -> String {
    variable(upper, variables).map_or_else(String::new, |(_, value)| value)
}

/// A proxy from its URL; `HOST:PORT` alone means one that speaks HTTP. The URL may hold a password, so it is not repeated.
fn of_text(name: &str, text: &str, named_by: &str) -> Result<Found, ConfigError> {
    let bad = |detail: &str| ConfigError::Proxy {
        provider: name.to_owned(),
        named_by: named_by.to_owned(),
        detail: detail.to_owned(),
    };
    let whole = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let url = Url::parse(&whole).map_err(|error| bad(&error.to_string()))?;
    if !SCHEMES.contains(&url.scheme()) || url.host_str().is_none_or(str::is_empty) {
        return Err(bad(
            "expected \"env\", \"none\" or a URL such as http://HOST:PORT",
        ));
    }
    let proxy = Proxy::all(url.clone()).map_err(|_| bad("it is no proxy's URL"))?;
    let address = format!("{}://{}", url.scheme(), host_and_port(&url));
    Ok((
        proxy,
        RouteProxy {
            address,
            named_by: named_by.to_owned(),
        },
    ))
}

fn host_and_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    match address {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

fn certificates(name: &str, path: &Path) -> Result<Vec<Certificate>, ConfigError> {
    let bad = |detail: String| ConfigError::CaFile {
        provider: name.to_owned(),
        path: path.to_owned(),
        detail,
    };
    let length = std::fs::metadata(path)
        .map_err(|error| bad(error.to_string()))?
        .len();
    if length > CA_FILE_BYTES_MAX {
        return Err(bad(format!("it has more than {CA_FILE_BYTES_MAX} bytes")));
    }
    let bytes = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
    let all = Certificate::from_pem_bundle(&bytes).map_err(|_| bad("it is no PEM file".to_owned()))?;
    if all.is_empty() {
        return Err(bad("it holds no certificate in PEM".to_owned()));
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
