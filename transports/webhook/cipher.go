package webhook

import (
	"fmt"

	"github.com/waystation/waystation/transports/kit/vault"
)

// sealer encrypts the secrets of webhooks.
type sealer struct{ vault *vault.Vault }

func newSealer(key []byte, previous [][]byte) (*sealer, error) {
	v, err := vault.New(key, previous...)
	if err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	return &sealer{v}, nil
}

// seal encrypts text so that only the same field of the same webhook can decrypt it. Empty text is nil.
func (s *sealer) seal(text string, of Key, field string) []byte {
	return s.vault.Seal(text, field, of.Session, of.ID)
}

func (s *sealer) open(sealed []byte, of Key, field string) (string, error) {
	text, err := s.vault.Open(sealed, field, of.Session, of.ID)
	if err != nil {
		return "", fmt.Errorf("webhook: %w", err)
	}
	return text, nil
}

// sealedColumns are the encrypted columns.
func sealedColumns() []vault.Column {
	var columns []vault.Column
	for _, name := range []string{fieldSecret, fieldPrevious, fieldBodyToken} {
		columns = append(columns, vault.Column{
			Table: "webhooks", Name: name, Of: []string{"session", "id"},
			Place: func(of []string) []string { return []string{name, of[0], of[1]} },
		})
	}
	return columns
}
