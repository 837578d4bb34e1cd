package sandbox

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/libsignal/groups"
	"go.mau.fi/libsignal/keys/identity"
	"go.mau.fi/libsignal/keys/prekey"
	"go.mau.fi/libsignal/logger"
	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/libsignal/session"
	"go.mau.fi/libsignal/signalerror"
	"go.mau.fi/libsignal/util/optional"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

var serializer = store.SignalProtobufSerializer

// silenceSignalLog stops libsignal from logging to standard output, unless the process has set another logger.
var silenceSignalLog = sync.OnceFunc(func() {
	if logger.Logger == nil {
		var quiet logger.Loggable = discardLogger{}
		logger.Setup(&quiet)
	}
})

type discardLogger struct{}

func (discardLogger) Debug(string, string)   {}
func (discardLogger) Info(string, string)    {}
func (discardLogger) Warning(string, string) {}
func (discardLogger) Error(string, string)   {}
func (discardLogger) Configure(string)       {}

// signalBundle returns bundle as libsignal's type. Call under n.mu.
func (n *Network) signalBundle(d *device) *prekey.Bundle {
	k := &d.keys
	oneTimeID, oneTime := optional.NewEmptyUint32(), ecc.ECPublicKeyable(nil)
	if key := n.takePreKey(d); key != nil {
		oneTimeID, oneTime = optional.NewOptionalUint32(number24(key.id)), ecc.NewDjbECPublicKey(key.public)
	}
	return prekey.NewBundle(binary.BigEndian.Uint32(k.registration[:]), uint32(d.number), oneTimeID, number24(k.signed.id),
		oneTime, ecc.NewDjbECPublicKey(k.signed.public), k.signed.signature, identity.NewKey(ecc.NewDjbECPublicKey(k.identity)))
}

func number24(id [3]byte) uint32 { return uint32(id[0])<<16 | uint32(id[1])<<8 | uint32(id[2]) }

func id24(number uint32) [3]byte { return [3]byte{byte(number >> 16), byte(number >> 8), byte(number)} }

// encryptFor encrypts for one device, opening a session with the bundle when there is one. Call under p.mu.
func (p *Phone) encryptFor(ctx context.Context, to types.JID, plain []byte, bundle *prekey.Bundle) (waBinary.Node, error) {
	address := to.SignalAddress()
	builder := session.NewBuilderFromSignal(p.store, address, serializer)
	if bundle != nil {
		err := builder.ProcessBundle(ctx, bundle)
		if errors.Is(err, signalerror.ErrUntrustedIdentity) {
			// A device number may be reused by another companion; phones accept the new key.
			_ = p.store.Identities.DeleteIdentity(ctx, address.String())
			_ = p.store.Sessions.DeleteSession(ctx, address.String())
			err = builder.ProcessBundle(ctx, bundle)
		}
		if err != nil {
			return waBinary.Node{}, fmt.Errorf("session with %s: %w", to, err)
		}
	}
	sealed, err := session.NewCipher(builder, address).Encrypt(ctx, p.pad(plain))
	if err != nil {
		return waBinary.Node{}, fmt.Errorf("message to %s: %w", to, err)
	}
	kind := "msg"
	if sealed.Type() == protocol.PREKEY_TYPE {
		kind = "pkmsg"
	}
	return waBinary.Node{Tag: "enc", Attrs: waBinary.Attrs{"v": "2", "type": kind}, Content: sealed.Serialize()}, nil
}

func (p *Phone) pad(plain []byte) []byte {
	size := p.random.bytes(1)[0]&0xf + 1
	return append(bytes.Clone(plain), bytes.Repeat([]byte{size}, int(size))...)
}

func unpad(plain []byte) ([]byte, error) {
	if len(plain) == 0 {
		return nil, errors.New("empty plaintext")
	}
	size := int(plain[len(plain)-1])
	if size == 0 || size > len(plain) || !bytes.HasSuffix(plain, bytes.Repeat([]byte{byte(size)}, size)) {
		return nil, errors.New("bad padding")
	}
	return plain[:len(plain)-size], nil
}

// open decrypts one ciphertext of a device. Call under p.mu.
func (p *Phone) open(ctx context.Context, from, chat types.JID, enc *waBinary.Node) (*waE2E.Message, error) {
	plain, err := p.decrypt(ctx, from, chat, text(enc, "type"), content(enc))
	if err != nil {
		return nil, err
	}
	if plain, err = unpad(plain); err != nil {
		return nil, err
	}
	message := &waE2E.Message{}
	return message, proto.Unmarshal(plain, message)
}

func (p *Phone) decrypt(ctx context.Context, from, chat types.JID, kind string, data []byte) ([]byte, error) {
	address := from.SignalAddress()
	cipher := session.NewCipher(session.NewBuilderFromSignal(p.store, address, serializer), address)
	switch kind {
	case "pkmsg":
		message, err := protocol.NewPreKeySignalMessageFromBytes(data, serializer.PreKeySignalMessage, serializer.SignalMessage)
		if err != nil {
			return nil, err
		}
		plain, err := cipher.DecryptMessage(ctx, message)
		if errors.Is(err, signalerror.ErrUntrustedIdentity) {
			_ = p.store.Identities.DeleteIdentity(ctx, address.String())
			_ = p.store.Sessions.DeleteSession(ctx, address.String())
			plain, err = cipher.DecryptMessage(ctx, message)
		}
		return plain, err
	case "msg":
		message, err := protocol.NewSignalMessageFromBytes(data, serializer.SignalMessage)
		if err != nil {
			return nil, err
		}
		return cipher.Decrypt(ctx, message)
	case "skmsg":
		message, err := protocol.NewSenderKeyMessageFromBytes(data, serializer.SenderKeyMessage)
		if err != nil {
			return nil, err
		}
		builder := groups.NewGroupSessionBuilder(p.store, serializer)
		return groups.NewGroupCipher(builder, protocol.NewSenderKeyName(chat.String(), address), p.store).Decrypt(ctx, message)
	}
	return nil, fmt.Errorf("unknown ciphertext type %q", kind)
}

// storeSenderKey stores a device's sender key of a group. Call under p.mu.
func (p *Phone) storeSenderKey(ctx context.Context, from, chat types.JID, raw []byte) error {
	message, err := protocol.NewSenderKeyDistributionMessageFromBytes(raw, serializer.SenderKeyDistributionMessage)
	if err != nil {
		return err
	}
	return groups.NewGroupSessionBuilder(p.store, serializer).Process(ctx, protocol.NewSenderKeyName(chat.String(), from.SignalAddress()), message)
}

// encryptForGroup encrypts once for a whole group. Call under p.mu.
func (p *Phone) encryptForGroup(ctx context.Context, chat types.JID, plain []byte) (waBinary.Node, error) {
	name := p.senderKeyName(chat)
	sealed, err := groups.NewGroupCipher(groups.NewGroupSessionBuilder(p.store, serializer), name, p.store).Encrypt(ctx, p.pad(plain))
	if err != nil {
		return waBinary.Node{}, fmt.Errorf("group message: %w", err)
	}
	return waBinary.Node{Tag: "enc", Attrs: waBinary.Attrs{"v": "2", "type": "skmsg"}, Content: sealed.SignedSerialize()}, nil
}

// senderKey returns the message that distributes the phone's sender key of a group, which is created on first use. Call under p.mu.
func (p *Phone) senderKey(ctx context.Context, chat types.JID) (*waE2E.SenderKeyDistributionMessage, error) {
	key, err := groups.NewGroupSessionBuilder(p.store, serializer).Create(ctx, p.senderKeyName(chat))
	if err != nil {
		return nil, fmt.Errorf("sender key: %w", err)
	}
	return &waE2E.SenderKeyDistributionMessage{GroupID: proto.String(chat.String()), AxolotlSenderKeyDistributionMessage: key.Serialize()}, nil
}

func (p *Phone) senderKeyName(chat types.JID) *protocol.SenderKeyName {
	return protocol.NewSenderKeyName(chat.String(), p.account.lid.SignalAddress())
}
