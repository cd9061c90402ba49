//! A small blocking HTTP client, for metrics: one request, one answer.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::target::{Place, Target};

/// Bodies of metrics are no longer.
const MOST: usize = 16 << 20;

/// The body of what `GET url` gives, where `url` is `http://…`; a query may
/// follow the path.
///
/// # Errors
/// No answer, or one whose status is not 200.
pub(crate) fn get(url: &str, timeout: Duration) -> io::Result<String> {
    let (place, query) = url.split_once('?').unwrap_or((url, ""));
    let target = Target::parse(place).map_err(io::Error::other)?;
    let Place::Tcp { addresses, tls: None } = target.place() else {
        return Err(io::Error::other("only http:// is read here"));
    };
    let address = addresses.first().ok_or_else(|| io::Error::other("no address"))?;
    let deadline = Instant::now() + timeout;
    let mut stream = TcpStream::connect_timeout(address, timeout)?;
    stream.set_write_timeout(Some(timeout))?;
    let path = if target.base().is_empty() { "/" } else { target.base() };
    let mark = if query.is_empty() { "" } else { "?" };
    // 1.0: so the answer ends with the connection, not in chunks.
    let head = format!(
        "GET {path}{mark}{query} HTTP/1.0\r\nhost: {}\r\nconnection: close\r\n\r\n",
        target.authority()
    );
    stream.write_all(head.as_bytes())?;
    let answer = String::from_utf8_lossy(&read_until(&stream, deadline)?).into_owned();
    let (head, body) =
        answer.split_once("\r\n\r\n").ok_or_else(|| io::Error::other("the answer has no head"))?;
    let status = head.split_whitespace().nth(1).unwrap_or("no status");
    match status {
        "200" => Ok(body.to_owned()),
        _ => Err(io::Error::other(format!("the answer's status is {status}: {}", body.trim()))),
    }
}

/// All that comes before the end. The deadline is that of the whole: a server that
/// sends a byte now and then is waited for no longer than others.
fn read_until(mut stream: &TcpStream, deadline: Instant) -> io::Result<Vec<u8>> {
    let (mut answer, mut part) = (Vec::new(), [0; 16 << 10]);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the answer does not end in time"));
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut part)? {
            0 => return Ok(answer),
            _ if answer.len() > MOST => {
                return Err(io::Error::other(format!("the answer is longer than {MOST} bytes")));
            }
            read => answer.extend_from_slice(&part[..read]),
        }
    }
}

/// The value of a metric in Prometheus' text format: the sum over its labels.
pub(crate) fn metric(text: &str, name: &str) -> Option<f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let values = lines.filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let rest = match rest.strip_prefix('{') {
            Some(labels) => labels.rsplit_once('}')?.1,
            None => rest.strip_prefix(' ')?,
        };
        rest.split_whitespace().next()?.parse::<f64>().ok()
    });
    values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

/// What Prometheus answers to an instant query: one number.
///
/// # Errors
/// No answer, no value, more than one, or NaN.
pub(crate) fn query(server: &str, query: &str, timeout: Duration) -> io::Result<f64> {
    let url = format!("{}/api/v1/query?query={}", server.trim_end_matches('/'), encoded(query));
    let body = get(&url, timeout)?;
    let json: serde_json::Value = serde_json::from_str(&body)?;
    let result = &json["data"]["result"];
    let value = match json["data"]["resultType"].as_str() {
        Some("scalar") => &result[1],
        Some("vector") => match result.as_array().map(Vec::as_slice) {
            Some([one]) => &one["value"][1],
            Some([]) => return Err(io::Error::other("the query gives no value")),
            _ => return Err(io::Error::other("the query gives more than one value; add a sum")),
        },
        _ => return Err(io::Error::other("the answer is none of Prometheus' API")),
    };
    let value = value.as_str().and_then(|text| text.parse::<f64>().ok());
    value.filter(|it| !it.is_nan()).ok_or_else(|| io::Error::other("the query gives no number"))
}

fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_comes_byte_by_byte_is_not_waited_for() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n");
            for _ in 0..200 {
                std::thread::sleep(Duration::from_millis(50));
                if stream.write_all(b"a").is_err() {
                    return;
                }
            }
        });
        let error = get(&url, Duration::from_millis(400)).unwrap_err();
        assert!(
            matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock),
            "{error}"
        );
    }

    #[test]
    fn metrics_are_found_by_their_whole_name() {
        let text = "# HELP a b\na_total{x=\"1\"} 2\na_total{x=\"}\"} 3 1700\nb 1e3\n";
        assert_eq!(metric(text, "a_total"), Some(5.0));
        assert_eq!(metric(text, "b"), Some(1000.0));
        assert_eq!(metric(text, "a"), None);
    }
}
