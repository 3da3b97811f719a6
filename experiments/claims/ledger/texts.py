"""Slips of the pen: brackets, numbering, words. What is printed is read, not computed."""

import difflib
import re

from experiments.claims.ledger.register import NotJudgedError, answers

_PAIRS = {"(": ")", "[": "]", "{": "}"}


@answers(
    "r-logistic-output-formula", "gd-update-brackets", "plot-code-truncated", "r-brackets-lost"
)
def what_is_left_open(printed, right):
    """Brackets without a partner, and an operator at the end, as printed and put right."""
    return [_left_open(printed), _left_open(right)]


def _left_open(text):
    opened, alone = [], []
    for character in text:
        if character in _PAIRS:
            opened.append(character)
        elif character in _PAIRS.values():
            if opened and _PAIRS[opened[-1]] == character:
                opened.pop()
            else:
                alone.append(character)
    ending = re.search(r"[+*/=,-]?\s*$", text)
    return "".join([*alone, *opened, ending.group().strip() if ending else ""])


@answers("firth-quote", "ruder-url", "matmul-wording", "tensor-timestamps")
def letters_to_change(printed, right):
    """What has to go and what has to come, place by place."""
    changes = difflib.SequenceMatcher(None, printed, right, autojunk=False).get_opcodes()
    return [[printed[a:b], right[c:d]] for kind, a, b, c, d in changes if kind != "equal"]


@answers("backward-heading-repeated", "slope-step-number", "chapter-heading-order")
def counted(steps):
    """The numbers that counting gives."""
    return [number for number, _ in enumerate(steps, 1)]


@answers("cnn-section-number")
def counted_by_pass(passes):
    """A number for each pass, and the same one for its later stages."""
    return [1 + list(dict.fromkeys(passes)).index(name) for name in passes]


@answers("slope-letter-c")
def letter_of_the_slope(lines):
    """The capital that stands before x, or is adjusted, on most slides."""
    found = [
        letter for line in lines for letter in re.findall(r"[A-Z](?=x\b|\)x|값|\s*=\s*E/x)", line)
    ]
    return max(sorted(set(found)), key=found.count)


@answers("actual-value-term")
def meanings(word, lines):
    """What stands beside the word, line by line."""
    beside = re.compile(rf"\(?{word}\)?\(?(\w+)")
    return [match.group(1) for line in lines if (match := beside.search(line))]


@answers("r-curly-quotes")
def string_delimiters(printed, right):
    """How many quotes R knows, as printed and put right."""
    return [len(re.findall("[\"']", text)) for text in (printed, right)]


@answers("r-output-language")
def line_of_the_log(message, iteration, cost):
    """What the code's own format makes of the numbers in the log."""
    return (message % (iteration, float(cost))).strip()


@answers("activation-comment-relu", "r-simple-model-undefined")
def is_defined(code, names):
    """Whether the code defines a function of that name."""
    defined = re.findall(r"(\w+) *<- *function", "\n".join(code))
    return [name in defined for name in names]


@answers("perceptron-history")
def proposal_of_the_perceptron():
    raise NotJudgedError(
        "a date of history, which no computation can test: Rosenblatt's report of 1957 (Cornell"
        " Aeronautical Laboratory 85-460-1) is commonly cited for it"
    )


@answers("ann-applications", "cv-tasks")
def fields_of_use():
    raise NotJudgedError("a list of what the field does, without a statement that could be tested")


@answers("dropout-citation")
def reference_to_dropout():
    raise NotJudgedError(
        "a reference, which no computation can test: Journal of Machine Learning Research 15"
        " (2014), 1929-1958"
    )


@answers("multilayer-partial-computation")
def numbers_of_the_picture():
    raise NotJudgedError("the picture with the network's inputs and weights is lost in the text")
