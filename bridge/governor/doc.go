// Package governor decides when a session may send its next automatic message: random pauses, limits per minute, hour and
// day, fewer for accounts that were paired lately, and quiet hours.
//
// It must not know SQL, clients or messages: it gets the times of earlier sends and returns the time of the next one. Enter
// at Governor.Next.
package governor
