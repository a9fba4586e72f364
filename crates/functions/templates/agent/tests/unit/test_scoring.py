"""The score of a text."""

from agent.scoring import relevance

KEYWORDS = {"lead": 3, "score": 1, "über": 1}


def test_the_score_is_the_share_of_the_weight():
    fit = relevance("Lead, lead: LEAD!", KEYWORDS)
    assert (fit.score, fit.matched, fit.accepted) == (0.6, ("lead",), True)


def test_words_match_whole_and_in_any_script():
    assert relevance("leading ÜBER scores", KEYWORDS).matched == ("über",)


def test_nothing_in_common_is_not_accepted():
    fit = relevance("weather", KEYWORDS)
    assert (fit.score, fit.matched, fit.accepted) == (0.0, (), False)


def test_the_threshold_itself_is_accepted():
    assert relevance("score", KEYWORDS).accepted
    assert not relevance("score", {"lead": 5, "score": 1}).accepted


def test_no_keywords_score_nothing():
    assert relevance("lead", {}).score == 0.0
