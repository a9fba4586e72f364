"""What makes a text fit this capability: its words and their weights."""

KEYWORDS = {
{%- for (word, weight) in keywords %}
    {{ word.quoted() }}: {{ weight }},
{%- endfor %}
}
