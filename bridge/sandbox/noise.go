package sandbox

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/socket"
	"go.mau.fi/whatsmeow/util/keys"
	"golang.org/x/crypto/curve25519"
	"google.golang.org/protobuf/proto"
)

// noiseState is the symmetric state of a Noise XX handshake on the responder's side.
type noiseState struct {
	hash    [32]byte
	salt    []byte
	aead    cipher.AEAD
	counter uint32
}

func newNoiseState(header []byte) (*noiseState, error) {
	s := &noiseState{hash: [32]byte([]byte(socket.NoiseStartPattern))}
	s.salt = append([]byte(nil), s.hash[:]...)
	var err error
	if s.aead, err = newAEAD(s.hash[:]); err != nil {
		return nil, err
	}
	s.absorb(header)
	return s, nil
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func nonce(counter uint32) []byte {
	iv := make([]byte, 12)
	binary.BigEndian.PutUint32(iv[8:], counter)
	return iv
}

func (s *noiseState) absorb(data []byte) {
	s.hash = sha256.Sum256(append(s.hash[:], data...))
}

func (s *noiseState) seal(plain []byte) []byte {
	sealed := s.aead.Seal(nil, nonce(s.counter), plain, s.hash[:])
	s.counter++
	s.absorb(sealed)
	return sealed
}

func (s *noiseState) open(sealed []byte) ([]byte, error) {
	plain, err := s.aead.Open(nil, nonce(s.counter), sealed, s.hash[:])
	if err != nil {
		return nil, err
	}
	s.counter++
	s.absorb(sealed)
	return plain, nil
}

// mix mixes the result of one Diffie-Hellman exchange into the state.
func (s *noiseState) mix(private *[32]byte, public []byte) error {
	secret, err := curve25519.X25519(private[:], public)
	if err != nil {
		return err
	}
	salt, key, err := s.split(secret)
	if err != nil {
		return err
	}
	s.salt, s.counter = salt, 0
	s.aead, err = newAEAD(key)
	return err
}

func (s *noiseState) split(secret []byte) (first, second []byte, err error) {
	out, err := hkdf.Key(sha256.New, secret, s.salt, "", 64)
	if err != nil {
		return nil, nil, err
	}
	return out[:32], out[32:], nil
}

// noiseSession is the result of a handshake: the keys of both directions and the client's payload.
type noiseSession struct {
	fromClient, toClient cipher.AEAD
	received, sent       uint32
	clientStatic         [32]byte
	payload              *waWa6.ClientPayload
}

// answerHandshake runs the server's side. read and write move whole frames.
func answerHandshake(pki *certificates, header []byte, read func() ([]byte, error), write func([]byte) error) (*noiseSession, error) {
	state, err := newNoiseState(header)
	if err != nil {
		return nil, err
	}
	hello, err := readHandshake(read)
	if err != nil {
		return nil, fmt.Errorf("client hello: %w", err)
	}
	clientEphemeral := hello.GetClientHello().GetEphemeral()
	if len(clientEphemeral) != 32 {
		return nil, errors.New("client hello without ephemeral key")
	}
	state.absorb(clientEphemeral)

	// The ephemeral key is not drawn from the seed: reusing one over two connections would reuse the keys of the whole transport.
	private := [32]byte{}
	_, _ = rand.Read(private[:])
	ephemeral := keys.NewKeyPairFromPrivateKey(private)
	state.absorb(ephemeral.Pub[:])
	if err = state.mix(ephemeral.Priv, clientEphemeral); err != nil {
		return nil, err
	}
	static := state.seal(pki.static.Pub[:])
	if err = state.mix(pki.static.Priv, clientEphemeral); err != nil {
		return nil, err
	}
	answer, err := proto.Marshal(&waWa6.HandshakeMessage{ServerHello: &waWa6.HandshakeMessage_ServerHello{
		Ephemeral: ephemeral.Pub[:], Static: static, Payload: state.seal(pki.chain),
	}})
	if err != nil {
		return nil, err
	}
	if err = write(answer); err != nil {
		return nil, fmt.Errorf("server hello: %w", err)
	}

	finish, err := readHandshake(read)
	if err != nil {
		return nil, fmt.Errorf("client finish: %w", err)
	}
	clientStatic, err := state.open(finish.GetClientFinish().GetStatic())
	if err != nil || len(clientStatic) != 32 {
		return nil, errors.New("client finish without a readable static key")
	}
	if err = state.mix(ephemeral.Priv, clientStatic); err != nil {
		return nil, err
	}
	rawPayload, err := state.open(finish.GetClientFinish().GetPayload())
	if err != nil {
		return nil, fmt.Errorf("client payload: %w", err)
	}
	payload := &waWa6.ClientPayload{}
	if err = proto.Unmarshal(rawPayload, payload); err != nil {
		return nil, fmt.Errorf("client payload: %w", err)
	}
	readKey, writeKey, err := state.split(nil)
	if err != nil {
		return nil, err
	}
	session := &noiseSession{clientStatic: [32]byte(clientStatic), payload: payload}
	if session.fromClient, err = newAEAD(readKey); err != nil {
		return nil, err
	}
	session.toClient, err = newAEAD(writeKey)
	return session, err
}

func readHandshake(read func() ([]byte, error)) (*waWa6.HandshakeMessage, error) {
	raw, err := read()
	if err != nil {
		return nil, err
	}
	message := &waWa6.HandshakeMessage{}
	return message, proto.Unmarshal(raw, message)
}

func (s *noiseSession) open(sealed []byte) ([]byte, error) {
	plain, err := s.fromClient.Open(nil, nonce(s.received), sealed, nil)
	s.received++
	return plain, err
}

// seal appends a sealed stanza to dst.
func (s *noiseSession) seal(dst, plain []byte) []byte {
	out := s.toClient.Seal(dst, nonce(s.sent), plain, nil)
	s.sent++
	return out
}
