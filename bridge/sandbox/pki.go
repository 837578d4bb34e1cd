package sandbox

import (
	"crypto/sha256"
	"sync"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waCert"
	"go.mau.fi/whatsmeow/util/keys"
	"google.golang.org/protobuf/proto"
)

// Certificates are valid from 2000 to 2100, so that they are valid under a test's fake clock and a wrong machine clock.
const (
	certNotBefore = 946_684_800
	certNotAfter  = 4_102_444_800
)

// rootKey is the same in every sandbox. It need not be secret: only processes that were configured for a sandbox trust it.
var rootKey = sync.OnceValue(func() *keys.KeyPair {
	return newEntropy(sha256.Sum256([]byte("waystation sandbox certificate root"))).keyPair()
})

// Root returns the public key that clients must trust to accept the sandbox as their server.
func Root() [32]byte { return *rootKey().Pub }

var activate sync.Once

// Activate makes all whatsmeow clients of this process trust the sandbox in place of WhatsApp. It cannot be undone, and it must be called before the first
// client connects: whatsmeow reads the key without a lock. A process that never calls it connects to WhatsApp.
func Activate() { ActivateRoot(Root()) }

// ActivateRoot is Activate for a sandbox in another process that printed its root. Only the first call of a process counts.
func ActivateRoot(root [32]byte) {
	activate.Do(func() { whatsmeow.WACertPubKey = root })
}

// certificates is the server's noise key with its certificate chain.
type certificates struct {
	static *keys.KeyPair
	chain  []byte
}

func newCertificates(random *entropy) *certificates {
	intermediate, static := random.keyPair(), random.keyPair()
	chain, err := proto.Marshal(&waCert.CertChain{
		Intermediate: certificate(rootKey(), 1, whatsmeow.WACertIssuerSerial, intermediate.Pub),
		Leaf:         certificate(intermediate, 2, 1, static.Pub),
	})
	if err != nil {
		panic(err) // a fixed message of bytes and numbers
	}
	return &certificates{static: static, chain: chain}
}

func certificate(issuer *keys.KeyPair, serial, issuerSerial uint32, key *[32]byte) *waCert.CertChain_NoiseCertificate {
	details, err := proto.Marshal(&waCert.CertChain_NoiseCertificate_Details{
		Serial:       proto.Uint32(serial),
		IssuerSerial: proto.Uint32(issuerSerial),
		Key:          key[:],
		NotBefore:    proto.Uint64(certNotBefore),
		NotAfter:     proto.Uint64(certNotAfter),
	})
	if err != nil {
		panic(err)
	}
	signature := ecc.CalculateSignature(ecc.NewDjbECPrivateKey(*issuer.Priv), details)
	return &waCert.CertChain_NoiseCertificate{Details: details, Signature: signature[:]}
}
