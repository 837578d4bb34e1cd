package sqs

import (
	"context"
	"errors"
	"fmt"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/dispatch"
)

var (
	errQueueName = errors.New("the queue's name has characters that SQS does not allow, or is longer than 80 bytes, for this session")
	errNoAnswer  = errors.New("SQS answered nothing about the message")
)

// entryError is what SQS says about one message of a request.
type entryError struct{ code, text string }

func (e *entryError) Error() string                 { return e.code + ": " + e.text }
func (e *entryError) ErrorCode() string             { return e.code }
func (e *entryError) ErrorMessage() string          { return e.text }
func (e *entryError) ErrorFault() smithy.ErrorFault { return smithy.FaultUnknown }

// answers are the codes that mean something else than another attempt.
var answers = map[string]broker.Answer{
	"QueueDoesNotExist":                       broker.NewAnswer(dispatch.Refused, broker.ReasonMissing, "the queue is not there"),
	"AWS.SimpleQueueService.NonExistentQueue": broker.NewAnswer(dispatch.Refused, broker.ReasonMissing, "the queue is not there"),
	"QueueDeletedRecently":                    broker.NewAnswer(dispatch.Refused, broker.ReasonMissing, "the queue was deleted less than a minute ago"),
	"AccessDenied":                            broker.NewAnswer(dispatch.Refused, broker.ReasonCredentials, "SQS refuses the action to these credentials"),
	"AccessDeniedException":                   broker.NewAnswer(dispatch.Refused, broker.ReasonCredentials, "SQS refuses the action to these credentials"),
	"InvalidClientTokenId":                    broker.NewAnswer(dispatch.Unreachable, broker.ReasonCredentials, "SQS does not know the access key"),
	"UnrecognizedClientException":             broker.NewAnswer(dispatch.Unreachable, broker.ReasonCredentials, "SQS does not know the access key"),
	"InvalidAccessKeyId":                      broker.NewAnswer(dispatch.Unreachable, broker.ReasonCredentials, "SQS does not know the access key"),
	"SignatureDoesNotMatch":                   broker.NewAnswer(dispatch.Unreachable, broker.ReasonCredentials, "SQS refuses the secret key"),
	"InvalidSignatureException":               broker.NewAnswer(dispatch.Unreachable, broker.ReasonCredentials, "SQS refuses the secret key"),
	"IncompleteSignature":                     broker.NewAnswer(dispatch.Unreachable, broker.ReasonCredentials, "SQS refuses the secret key"),
	"ExpiredToken":                            broker.NewAnswer(dispatch.Unreachable, broker.ReasonCredentials, "the credentials have expired"),
	"ExpiredTokenException":                   broker.NewAnswer(dispatch.Unreachable, broker.ReasonCredentials, "the credentials have expired"),
	"MissingAuthenticationToken":              broker.NewAnswer(dispatch.Unreachable, broker.ReasonCredentials, "SQS asks for credentials"),
	"InvalidSecurity":                         broker.NewAnswer(dispatch.Unreachable, broker.ReasonCredentials, "SQS asks for another way of signing"),
	"OptInRequired":                           broker.NewAnswer(dispatch.Unreachable, broker.ReasonCredentials, "the account may not use SQS"),
	"KmsAccessDenied":                         broker.NewAnswer(dispatch.Refused, broker.ReasonCredentials, "the queue's key is refused to these credentials"),
	"KmsDisabled":                             broker.NewAnswer(dispatch.Refused, broker.ReasonMissing, "the queue's key is disabled"),
	"KmsNotFound":                             broker.NewAnswer(dispatch.Refused, broker.ReasonMissing, "the queue's key is not there"),
	"InvalidMessageContents":                  broker.NewAnswer(dispatch.Permanent, broker.ReasonRefused, "the message has characters that SQS does not take"),
	"InvalidParameterValue":                   broker.NewAnswer(dispatch.Permanent, broker.ReasonRefused, "SQS does not take the message"),
}

// absent tells whether an error says that there is no such queue.
func absent(err error) bool {
	var answer smithy.APIError
	return errors.As(err, &answer) && (strings.HasSuffix(answer.ErrorCode(), "NonExistentQueue") || answer.ErrorCode() == "QueueDoesNotExist")
}

// classify tells what an error means for a delivery, with the HTTP status for the archive. The text has no address and no
// credentials.
func classify(err error) (code int, classified error) {
	if err == nil {
		return 0, nil
	}
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		code = response.HTTPStatusCode()
	}
	var answer smithy.APIError
	switch {
	case errors.Is(err, errQueueName):
		return 0, dispatch.Permanent(err)
	case errors.Is(err, errNoAnswer), errors.Is(err, broker.ErrClosed), errors.Is(err, context.Canceled):
		return code, err
	case errors.As(err, &answer):
		if known, is := answers[answer.ErrorCode()]; is {
			return code, known.Err(answer.ErrorCode())
		}
		return code, fmt.Errorf("SQS answered %s", broker.Clip(answer.ErrorCode()+": "+answer.ErrorMessage()))
	case code != 0: // an answer that is none of SQS, a proxy's for example
		return code, dispatch.Unreachable(fmt.Errorf("the endpoint answered %d, not as SQS does", code))
	}
	return code, dispatch.Unreachable(unreached(err))
}

// unreached is why there was no answer.
func unreached(err error) *broker.Trouble {
	if trouble := broker.Unanswered("SQS", err); trouble != nil {
		return trouble
	}
	if strings.Contains(err.Error(), "credentials") || strings.Contains(err.Error(), "get identity") {
		return broker.NewTrouble(broker.ReasonCredentials, "no credentials were found")
	}
	return broker.NewTrouble(broker.ReasonUnreachable, "SQS cannot be reached")
}

func failure(e *types.BatchResultErrorEntry) error {
	entry := &entryError{}
	if e.Code != nil {
		entry.code = *e.Code
	}
	if e.Message != nil {
		entry.text = *e.Message
	}
	return entry
}
