package objectstore

import (
	"fmt"

	"github.com/waystation/waystation/transports/kit/vault"
)

// sealer encrypts the keys of sessions' storages.
type sealer struct{ vault *vault.Vault }

func newSealer(key []byte, previous [][]byte) (*sealer, error) {
	v, err := vault.New(key, previous...)
	if err != nil {
		return nil, fmt.Errorf("s3: key: %w", err)
	}
	return &sealer{v}, nil
}

// seal encrypts text so that it can be decrypted only for the same field of the same session. Empty text becomes nil.
func (s *sealer) seal(text, session, field string) []byte { return s.vault.Seal(text, field, session) }

func (s *sealer) open(sealed []byte, session, field string) (string, error) {
	text, err := s.vault.Open(sealed, field, session)
	if err != nil {
		return "", fmt.Errorf("s3: %w", err)
	}
	return text, nil
}

// sealedColumns are the encrypted columns.
func sealedColumns() []vault.Column {
	of := func(field string) func(of []string) []string {
		return func(of []string) []string { return []string{field, of[0]} }
	}
	return []vault.Column{
		{Table: "s3_settings", Name: fieldAccess, Of: []string{"session"}, Place: of(fieldAccess)},
		{Table: "s3_settings", Name: fieldSecret, Of: []string{"session"}, Place: of(fieldSecret)},
		{Table: "s3_purges", Name: fieldTarget, Of: []string{"session", "id"}, Place: of(fieldTarget)},
	}
}
