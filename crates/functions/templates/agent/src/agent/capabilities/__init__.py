"""The declared capabilities, by id."""

{% for capability in capabilities -%}
from agent.capabilities import {{ capability.id }}
{% endfor %}
CAPABILITIES = {
{%- for capability in capabilities %}
    "{{ capability.id }}": {{ capability.id }},
{%- endfor %}
}
