package rest

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Vocabulary maps the words of methods to those of a document. Other words are the same in both.
type Vocabulary interface{ WordPairs() map[string]string }

// Word is a word of a document, which methods have another word for: read from results, and converted among params without
// regard to case.
type Word[V Vocabulary] string

// UnmarshalJSON reads the word of a method.
func (w *Word[V]) UnmarshalJSON(raw []byte) error {
	var native string
	if err := json.Unmarshal(raw, &native); err != nil {
		return fmt.Errorf("rest: word: %w", err)
	}
	*w = WordOf[V](native)
	return nil
}

// WordOf returns the document's word for that of a method.
func WordOf[V Vocabulary](native string) Word[V] {
	var v V
	if word, ok := v.WordPairs()[native]; ok {
		return Word[V](word)
	}
	return Word[V](native)
}

// ToParam implements Converter.
func (w Word[V]) ToParam(string) (any, error) {
	var v V
	for native, word := range v.WordPairs() {
		if strings.EqualFold(word, string(w)) {
			return native, nil
		}
	}
	return string(w), nil
}
