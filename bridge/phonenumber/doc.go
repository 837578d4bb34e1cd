// Package phonenumber turns the digits of an international phone number into
// its written form, its calling code and its region.
//
// It owns a table of the calling codes in use and, for the larger countries,
// how mobile numbers are grouped. It is no validator: a number of unusual
// length is written with its calling code set apart and the rest in one piece.
//
// Normalize takes numbers as people write them.
//
// It must not know WhatsApp; enter at Parse, International and Normalize.
package phonenumber
