package config

import (
	"errors"
	"fmt"
)

// MinSecretLength is the shortest secret of a server, in bytes.
const MinSecretLength = 32

// PreviousSecret returns the content of PreviousSecretFile; empty if it is not set.
func (c *Config) PreviousSecret() string { return c.previousSecret }

// ReadSecretFile reads a secret: the content of the file without surrounding white space, MinSecretLength or longer.
// Errors name the file and never contain its content.
func ReadSecretFile(path string) (string, error) {
	text, err := ReadTokenFile(path)
	if err == nil && len(text) < MinSecretLength {
		return "", fmt.Errorf("%s has %d characters; a secret needs %d or more", path, len(text), MinSecretLength)
	}
	return text, err
}

// readSecrets reads the files of secrets and checks their lengths.
func (c *Config) readSecrets() (problems []error) {
	switch {
	case c.Secret != "" && c.SecretFile != "":
		problems = append(problems, errors.New("secret and secret-file are both set; give one"))
	case c.SecretFile != "":
		text, err := ReadSecretFile(c.SecretFile)
		if err != nil {
			problems = append(problems, fmt.Errorf("secret-file: %w", err))
		}
		c.Secret = text
	case c.Secret != "" && len(c.Secret) < MinSecretLength:
		problems = append(problems, fmt.Errorf("secret: has %d characters and needs %d or more", len(c.Secret), MinSecretLength))
	}
	if c.PreviousSecretFile != "" {
		text, err := ReadSecretFile(c.PreviousSecretFile)
		if err != nil {
			problems = append(problems, fmt.Errorf("previous-secret-file: %w", err))
		}
		c.previousSecret = text
	}
	return problems
}
