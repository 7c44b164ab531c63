package peer

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// protocol is named in the handshake (ALPN, RFC 7301), so that a later version
// of the frames is refused there and not half understood.
const protocol = "yodel-peer/1"

// certificate wraps the key for TLS. Its dates say nothing (RFC 5280, section
// 4.1.2.5: no expiration): a host whose clock is off must be reachable, and
// what is verified is the key.
func (i Identity) certificate() (tls.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "yodel"},
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, i.key.Public(), i.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: i.key}, nil
}

// tlsConfig serves both sides. accept is asked in the handshake about the key
// that the other side shows; the proof that it holds the key follows, and the
// handshake fails without it.
func (i Identity) tlsConfig(accept func(origin [16]byte) error) (*tls.Config, error) {
	if len(i.key) != ed25519.PrivateKeySize {
		return nil, errors.New("no identity")
	}
	certificate, err := i.certificate()
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates: []tls.Certificate{certificate},
		MinVersion:   tls.VersionTLS13,
		NextProtos:   []string{protocol},
		ClientAuth:   tls.RequireAnyClientCert,
		// No authority signs these certificates: accept decides by the key.
		InsecureSkipVerify: true,
		VerifyConnection:   func(state tls.ConnectionState) error { return verify(state, accept) },
		// A resumed session would not ask accept about the key again, and
		// saves 0.1 ms.
		SessionTicketsDisabled: true,
		// The post-quantum share of the default costs 2.3 kB per stream, more
		// than all the rest of a small exchange, to keep an inventory secret
		// for decades.
		CurvePreferences: []tls.CurveID{tls.X25519},
		// Records of 16 KiB from the start: nobody waits for a first byte.
		DynamicRecordSizingDisabled: true,
	}, nil
}

func verify(state tls.ConnectionState, accept func(origin [16]byte) error) error {
	if state.NegotiatedProtocol != protocol {
		return fmt.Errorf("other side speaks %q, want %q", state.NegotiatedProtocol, protocol)
	}
	origin, err := originIn(state)
	if err != nil {
		return err
	}
	if err := accept(origin); err != nil {
		return fmt.Errorf("refuse %s: %w", nameOf(origin), err)
	}
	return nil
}

// originIn is the origin of the other side of a connection.
func originIn(state tls.ConnectionState) ([16]byte, error) {
	if n := len(state.PeerCertificates); n != 1 {
		return [16]byte{}, fmt.Errorf("%d certificates, want 1", n)
	}
	key, ok := state.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok {
		return [16]byte{}, fmt.Errorf("certificate with a %s key, want ed25519", state.PeerCertificates[0].PublicKeyAlgorithm)
	}
	return originOf(key), nil
}
