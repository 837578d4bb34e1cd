package broker

// Answer is the meaning of a known broker reply for a delivery.
type Answer struct {
	class func(error) error
	why   Reason
	text  string
}

// NewAnswer returns an answer of a class, a reason and a text without addresses and credentials. The class is dispatch.Unreachable if the event is
// not at fault (all events are held until the broker recovers or its operator repairs it), dispatch.Refused for the same of one stream or queue
// alone, dispatch.Permanent if no attempt can succeed, and nil if another attempt may succeed.
func NewAnswer(class func(error) error, why Reason, text string) Answer {
	return Answer{class, why, text}
}

// As is the answer with another class.
func (a Answer) As(class func(error) error) Answer { return Answer{class, a.why, a.text} }

// Err returns the error of a delivery with this reply. word is the broker's error code.
func (a Answer) Err(word string) error {
	shown := NewTrouble(a.why, a.text+" ("+word+")")
	if a.class == nil {
		return shown
	}
	return a.class(shown)
}
