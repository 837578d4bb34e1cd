package sandbox

import (
	"testing"
)

func TestUsyncAnswersEachNumberByItself(t *testing.T) {
	w := newWorld(t, Options{})
	a := w.pair(w.account("15550001", "Alice"))
	w.account("15550002", "Bob")
	asked := []string{"+15550002", "abc", "+15550009", "", "+1 555 0002", "12", "999999999999999999999", "+1555x0002", "💥"}
	answers, err := a.IsOnWhatsApp(w.ctx(), asked)
	if err != nil {
		t.Fatal(err)
	}
	if len(answers) != len(asked) {
		t.Fatalf("%d answers for %d numbers: %+v", len(answers), len(asked), answers)
	}
	for i, answer := range answers {
		if want := asked[i] == "+15550002" || asked[i] == "+1 555 0002"; answer.IsIn != want {
			t.Errorf("%q: %+v", asked[i], answer)
		}
	}
}
