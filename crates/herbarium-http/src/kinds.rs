//! The kinds of problems that the front itself has, whatever stands behind it.

use http::StatusCode;

use crate::problem::ProblemKind;

macro_rules! kinds {
    ($($(#[$doc:meta])+ $name:ident = $slug:literal $status:ident $title:literal $about:literal;)+) => {
        $($(#[$doc])+
        pub static $name: ProblemKind =
            ProblemKind::new($slug, StatusCode::$status, $title, $about);)+

        /// All of them. Of several with one status the first is the general one.
        pub static ALL: &[&ProblemKind] = &[$(&$name),+];
    };
}

kinds! {
    /// 400: the request is not well-formed.
    MALFORMED_REQUEST = "malformed-request" BAD_REQUEST
        "The request is not well-formed"
        "Its head is not what HTTP asks for; `detail` says which part.";
    /// 400: a parameter of the query is unknown, missing, or has a wrong value.
    INVALID_QUERY = "invalid-query" BAD_REQUEST
        "A parameter of the query is wrong"
        "It is unknown, missing, there twice, or has a value that it cannot have; \
         `expected` names what can be there.";
    /// 400: a part of the path has a wrong value.
    INVALID_PATH = "invalid-path" BAD_REQUEST
        "A part of the path is wrong"
        "It does not have the form that this route asks for.";
    /// 400: the body is not what the route reads.
    MALFORMED_BODY = "malformed-body" BAD_REQUEST
        "The body cannot be read"
        "It is no JSON, ends too early, has an unknown field or one of a wrong type, or is not \
         compressed as its headers say.";
    /// 401: no credentials, or wrong ones.
    UNAUTHORIZED = "unauthorized" UNAUTHORIZED
        "Credentials are missing or wrong"
        "Send `Authorization: Bearer <token>` with a token that the service knows.";
    /// 403: the credentials do not reach this far.
    FORBIDDEN = "forbidden" FORBIDDEN
        "The credentials do not allow this"
        "The token lacks the scope that `expected` names.";
    /// 403: a web page of another origin asks for a change.
    FORBIDDEN_ORIGIN = "forbidden-origin" FORBIDDEN
        "Pages of this origin may not do this"
        "The origin is not on the service's list.";
    /// 404: nothing is there.
    NOT_FOUND = "not-found" NOT_FOUND
        "There is nothing at this path"
        "Look the path up in the API's description.";
    /// 405: there is something, but not for this method.
    METHOD_NOT_ALLOWED = "method-not-allowed" METHOD_NOT_ALLOWED
        "The path does not answer this method"
        "`Allow` lists the methods that it does answer.";
    /// 406: nothing acceptable can be answered.
    NOT_ACCEPTABLE = "not-acceptable" NOT_ACCEPTABLE
        "No answer has a form that is acceptable"
        "Accept one of the forms that `expected` names.";
    /// 408: the body comes too slowly.
    BODY_TOO_SLOW = "body-too-slow" REQUEST_TIMEOUT
        "The body came too slowly"
        "Send it at once; the service does not wait long for what has begun.";
    /// 413: the body is too large, as it is or unpacked.
    BODY_TOO_LARGE = "body-too-large" PAYLOAD_TOO_LARGE
        "The body is too large"
        "Send less at a time; the limit holds for the unpacked body, too.";
    /// 414: the path and the query are too long.
    URI_TOO_LONG = "uri-too-long" URI_TOO_LONG
        "Path and query are too long"
        "Send long values in the body.";
    /// 415: the body is of a type that the route does not read.
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type" UNSUPPORTED_MEDIA_TYPE
        "The body has a type that is not read here"
        "Set `Content-Type` to what `expected` names.";
    /// 415: the body is packed in a way that the service cannot unpack.
    UNSUPPORTED_ENCODING = "unsupported-encoding" UNSUPPORTED_MEDIA_TYPE
        "The body is compressed in a way that is not understood"
        "Use one of the codings that `Accept-Encoding` of the answer lists, and only one.";
    /// 421: the host is not this service.
    MISDIRECTED = "misdirected" MISDIRECTED_REQUEST
        "The host is not one of this service"
        "Use a host that the service is set up for.";
    /// 429: too many requests from one address.
    RATE_LIMITED = "rate-limited" TOO_MANY_REQUESTS
        "There are too many requests from this address"
        "Wait as long as `Retry-After` says.";
    /// 429: too many requests with one key.
    QUOTA_EXCEEDED = "quota-exceeded" TOO_MANY_REQUESTS
        "The quota of this key is used up"
        "Wait as long as `Retry-After` says; `RateLimit` tells what is left.";
    /// 431: headers are too large, or too many.
    HEADER_TOO_LARGE = "header-too-large" REQUEST_HEADER_FIELDS_TOO_LARGE
        "The headers are too large"
        "Send fewer or shorter ones.";
    /// Any other 4xx, with the status that it came with.
    REFUSED = "refused" BAD_REQUEST
        "The request cannot be served"
        "`detail` says why.";
    /// 500: a fault of the service.
    INTERNAL = "internal" INTERNAL_SERVER_ERROR
        "The service failed"
        "It is not your fault; tell whoever runs it the `request_id`.";
    /// 501: a handler cannot do this; the front itself never says so.
    NOT_IMPLEMENTED = "not-implemented" NOT_IMPLEMENTED
        "What was asked for is not supported"
        "`detail` says what, if more is known.";
    /// 503: too much is going on.
    OVERLOADED = "overloaded" SERVICE_UNAVAILABLE
        "There is too much to do right now"
        "Wait as long as `Retry-After` says, and try again.";
    /// 503: the service is about to end.
    DRAINING = "draining" SERVICE_UNAVAILABLE
        "The service is ending"
        "Another instance will answer; try again.";
    /// 504: it took too long.
    TIMEOUT = "timeout" GATEWAY_TIMEOUT
        "The answer was not ready in time"
        "Ask for less at a time.";
}
