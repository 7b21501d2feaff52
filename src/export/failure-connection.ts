// SPDX-License-Identifier: Apache-2.0
import { DialError } from './dial.ts';
import { ExportError, type ExportErrorKind, type Failure, retryable } from './export-error.ts';
import { oneLine } from './otlp-response.ts';
import type { Receiver } from './receiver.ts';

/** How far a connection got: what tells a receiver that is away from one that speaks something else. */
export type Progress = 'connecting' | 'connected' | 'speaking';

/** An error of a socket, of http2 or of the HTTP parser. */
type Cause = NodeJS.ErrnoException & { readonly rawPacket?: Buffer };

const OTHER_PROTOCOL = {
  grpc: 'the OTLP/gRPC port, usually 4317 (4318 is HTTP), or OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf',
  http: 'the OTLP/HTTP port, usually 4318 (4317 is gRPC), or OTEL_EXPORTER_OTLP_PROTOCOL=grpc',
} as const;

/** The failure that a broken connection means. `cause` is the error of the socket or session, if it left one. */
export function fromConnection(receiver: Receiver, progress: Progress, cause: Cause | undefined): Failure {
  const { url, secure } = receiver;
  const code = cause?.code ?? '';
  const why = code === '' ? '' : ` (${code})`;
  const error = (kind: ExportErrorKind, text: string) => retryable(new ExportError(kind, `${url} ${text}`));
  const isGrpc = receiver.protocol === 'grpc';
  const speaks = isGrpc ? 'gRPC' : 'HTTP';
  const port = isGrpc ? OTHER_PROTOCOL.grpc : OTHER_PROTOCOL.http;

  const step = cause instanceof DialError ? cause.step : undefined;
  if (cause instanceof DialError && step === 'proxy') return fromProxy(receiver, cause);
  const distrust = secure ? untrusted(receiver, cause, code) : undefined;
  if (distrust !== undefined) return error('untrusted', `${distrust}${why}`);
  // It has spoken our protocol before: whatever breaks now, it is the right one.
  if (progress === 'speaking' && step !== 'connect')
    return error('unavailable', `closed the connection${why}; records wait and are sent again`);
  if (code.endsWith('NO_APPLICATION_PROTOCOL'))
    return error('not_otlp', `speaks TLS, but not ${speaks} inside it: use ${port}`);
  if (/^ERR_SSL_|^EPROTO$/.test(code) || step === 'tls') {
    return error('not_otlp', `does not speak TLS${why}: use http:// for plaintext, or ${port}`);
  }
  if (code.startsWith('HPE_')) return fromParser(error, cause?.rawPacket, code);
  const orTls = secure ? '' : '; use https:// if it expects TLS';
  if (code === 'ERR_HTTP2_ERROR') return error('not_otlp', `does not speak gRPC: use ${port}${orTls}`);
  if (progress === 'connected') {
    const closes = `closes the connection before any answer${why}`;
    return receiver.certificates?.areShown
      ? error(
          'untrusted',
          `${closes}: does it accept our client certificate (OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE)? If so, use ${port}`,
        )
      : error('not_otlp', `${closes}: use ${port}${orTls}`);
  }
  if (code === 'ECONNREFUSED')
    return error('unreachable', 'refuses connections: is the Collector running there?');
  if (code === 'ENOENT')
    return error('unreachable', 'does not exist: is the Collector running, and this its socket?');
  if (code === 'EACCES')
    return error('unreachable', 'may not be opened (EACCES): check the permissions of the socket');
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return error('unreachable', `has a name that does not resolve (${code}): check the endpoint`);
  return error('unreachable', `cannot be reached${why}: check the endpoint and the network`);
}

/** Bytes that are no answer of HTTP/1.1: what they are says what listens there. */
function fromParser(
  error: (kind: ExportErrorKind, text: string) => Failure,
  packet: Buffer | undefined,
  code: string,
): Failure {
  // A TLS alert record (RFC 8446 5.1) or an HTTP/2 SETTINGS frame (RFC 9113 6.5).
  if (packet?.[0] === 0x15 && packet[1] === 3) return error('not_otlp', 'expects TLS: use https://');
  const isHttp2 = packet !== undefined && packet.length >= 9 && packet[3] === 4;
  return error(
    'not_otlp',
    `${isHttp2 ? 'speaks gRPC, not HTTP/1.1' : `does not speak HTTP (${code})`}: use ${OTHER_PROTOCOL.http}`,
  );
}

/** What is wrong with a certificate, theirs or ours, and what to change; undefined = it is something else. */
function untrusted({ address }: Receiver, cause: Cause | undefined, code: string): string | undefined {
  const host = address.socketPath === undefined ? address.host : 'localhost';
  if (code === 'CERT_HAS_EXPIRED') return 'failed the TLS check: its certificate has expired; renew it there';
  if (code === 'CERT_NOT_YET_VALID')
    return 'failed the TLS check: its certificate is not valid yet; compare the clocks of both hosts';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const { cert } = ((cause as Error).cause ?? cause) as { cert?: { subjectaltname?: string } };
    const names = cert?.subjectaltname === undefined ? 'other names' : oneLine(cert.subjectaltname);
    return `failed the TLS check: its certificate is for ${names}, not for ${host}; use a name that it holds as endpoint`;
  }
  if (
    /SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER)|INVALID_CA|CERT_SIGNATURE|CERT_UNTRUSTED|CERT_REVOKED/.test(
      code,
    )
  )
    return 'failed the TLS check: no CA that is trusted vouches for its certificate; give its CA in OTEL_EXPORTER_OTLP_CERTIFICATE';
  if (/ALERT_(?:CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE)/.test(code))
    return 'failed the TLS check: it wants a client certificate; set OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY';
  if (
    /ALERT_(?:UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_|UNSUPPORTED_CERT|DECRYPT_ERROR|ACCESS_DENIED)/.test(
      code,
    )
  )
    return 'failed the TLS check: it refuses our client certificate; check OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE';
  if (/^(?:CERT_|UNABLE_TO_|HOSTNAME_MISMATCH)|_CERT_/.test(code))
    return 'failed the TLS check: check OTEL_EXPORTER_OTLP_CERTIFICATE and the client certificate';
  return undefined;
}

function fromProxy({ url, proxy }: Receiver, { code, proxyStatus, message }: DialError): Failure {
  const error = (text: string) =>
    retryable(new ExportError('proxy', `${url}: the proxy ${proxy?.url} (${proxy?.variable}) ${text}`));
  if (proxyStatus === 407)
    return error('wants credentials (407); write them into its URL: http://user:password@host:port');
  if (proxyStatus !== undefined) {
    const said = oneLine(message);
    return error(
      `refuses the tunnel (${proxyStatus}${said === '' ? '' : ` ${said}`}); allow it there, or list the receiver in NO_PROXY`,
    );
  }
  if (code === 'ECONNREFUSED') return error('refuses connections; is it running?');
  if (/CERT|SELF_SIGNED|UNABLE_TO_/.test(code))
    return error(`has a certificate that is not trusted (${code}); NODE_EXTRA_CA_CERTS names more CAs`);
  if (code.startsWith('HPE_')) return error('does not speak HTTP; check its URL');
  return error(`cannot be used (${code || oneLine(message)}); check its URL`);
}

/** The failure of a request that got no answer in time. */
export function fromDeadline(
  { url, protocol }: Receiver,
  progress: Progress,
  timeoutMillis: number,
): Failure {
  const did = progress === 'connecting' ? 'could not be connected to' : 'did not answer';
  const hint = progress === 'connecting' ? 'check the endpoint and the firewall' : 'is it overloaded?';
  const message = `${url} ${did} within ${timeoutMillis / 1000} s: ${hint}`;
  return retryable(new ExportError('timeout', message, protocol === 'grpc' ? { code: 4 } : {}));
}
