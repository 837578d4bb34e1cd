package broker

// Answer is what an answer that a broker is known to give means for a delivery.
type Answer struct {
	class func(error) error
	why   Reason
	text  string
}

// NewAnswer makes an answer of a class, a reason and a text without addresses and credentials. The class is
// dispatch.Unreachable where the event is not at fault (all are held until the broker, or who runs it, thinks better of it),
// dispatch.Refused for the same of one stream or queue alone, dispatch.Permanent where no attempt will change it, and nil
// where another may go better.
func NewAnswer(class func(error) error, why Reason, text string) Answer {
	return Answer{class, why, text}
}

// As is the answer with another class.
func (a Answer) As(class func(error) error) Answer { return Answer{class, a.why, a.text} }

// Err is the error of a delivery that was answered so. word is what the broker calls it.
func (a Answer) Err(word string) error {
	shown := NewTrouble(a.why, a.text+" ("+word+")")
	if a.class == nil {
		return shown
	}
	return a.class(shown)
}
