Feature: Events
  An event reaches every run that waits for it, once, and none that does not; what came too early is found.

  Scenario: One event is waited for
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: events, name: one, version: '1.0.0' }
    do:
      - hear:
          listen: { to: { one: { with: { type: com.example.told } } } }
      - keep: { set: { heard: '${ . }' } }
    """
    When the workflow is executed
    Then hear should wait
    When event com.example.other is received with data:
    """yaml
    word: no
    """
    Then the workflow should wait
    When the service is restarted
    And event com.example.told is received with data:
    """yaml
    word: yes
    """
    Then the workflow should complete with output:
    """yaml
    heard: [ { word: yes } ]
    """

  Scenario: All events are waited for, whatever their order
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: events, name: all, version: '1.0.0' }
    do:
      - gather:
          listen:
            to:
              all:
                - with: { type: com.example.first }
                - with: { type: com.example.second }
    """
    When the workflow is executed
    And event com.example.second is received with data:
    """yaml
    2
    """
    Then the workflow should wait
    When event com.example.second is received with data:
    """yaml
    22
    """
    Then the workflow should wait
    When event com.example.first is received with data:
    """yaml
    1
    """
    Then the workflow should complete with output:
    """yaml
    [ 2, 1 ]
    """

  Scenario: A filter looks at the data, and the envelope can be read
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: events, name: filtered, version: '1.0.0' }
    do:
      - watch:
          listen:
            to:
              any:
                - with: { type: com.example.temperature, data: '${ .celsius > 38 }' }
                - with: { type: com.example.pulse, data: '${ .beats > 100 }' }
            read: envelope
          output: { as: '{ type: .[0].type, data: .[0].data, count: length }' }
    """
    When the workflow is executed
    And event com.example.temperature is received with data:
    """yaml
    celsius: 37
    """
    And event com.example.pulse is received with data:
    """yaml
    beats: 80
    """
    Then the workflow should wait
    When event com.example.pulse is received with data:
    """yaml
    beats: 130
    """
    Then the workflow should complete with output:
    """yaml
    type: com.example.pulse
    data: { beats: 130 }
    count: 1
    """

  Scenario: An event is told from others by what the run expects of it
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: events, name: expected, version: '1.0.0' }
    do:
      - order: { set: { order: '${ .order }' }, export: { as: '{ order: .order }' } }
      - paid:
          listen:
            to:
              one:
                with: { type: com.example.paid }
                correlate: { order: { from: .data.order, expect: $context.order } }
    """
    And given the workflow input is:
    """yaml
    order: 7
    """
    When the workflow is executed
    And event com.example.paid is received with data:
    """yaml
    order: 8
    """
    Then the workflow should wait
    When event com.example.paid is received with data:
    """yaml
    order: 7
    """
    Then the workflow should complete with output:
    """yaml
    [ { order: 7 } ]
    """

  Scenario: A filter may compare with what the run knows
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: events, name: compared, version: '1.0.0' }
    do:
      - order: { set: { order: '${ .order }' }, export: { as: '{ order: .order }' } }
      - paid:
          listen: { to: { one: { with: { type: com.example.paid, data: '${ .order == $context.order }' } } } }
    """
    And given the workflow input is:
    """yaml
    order: 7
    """
    When the workflow is executed
    And event com.example.paid is received with data:
    """yaml
    order: 8
    """
    Then the workflow should wait
    When event com.example.paid is received with data:
    """yaml
    order: 7
    """
    Then the workflow should complete with output:
    """yaml
    [ { order: 7 } ]
    """

  Scenario: The first event decides what the others must agree with
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: events, name: bound, version: '1.0.0' }
    do:
      - both:
          listen:
            to:
              all:
                - with: { type: com.example.packed }
                  correlate: { order: { from: .data.order } }
                - with: { type: com.example.sent }
                  correlate: { order: { from: .data.order } }
    """
    When the workflow is executed
    And event com.example.packed is received with data:
    """yaml
    order: 1
    """
    And event com.example.sent is received with data:
    """yaml
    order: 2
    """
    Then the workflow should wait
    When event com.example.sent is received with data:
    """yaml
    order: 1
    """
    Then the workflow should complete with output:
    """yaml
    [ { order: 1 }, { order: 1 } ]
    """

  Scenario: An event that came before its listen is found, and is used once
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: events, name: early, version: '1.0.0' }
    do:
      - rest: { wait: PT1H }
      - first: { listen: { to: { one: { with: { type: com.example.told } } } }, export: { as: '{ first: . }' } }
      - second: { listen: { to: { one: { with: { type: com.example.told } } } } }
      - both: { set: { first: '${ $context.first }', second: '${ . }' } }
    """
    When the workflow is executed
    And event com.example.told is received with data:
    """yaml
    1
    """
    And time advances by PT1H
    Then the workflow should wait
    And first should complete
    And second should wait
    When event com.example.told is received with data:
    """yaml
    2
    """
    Then the workflow should complete with output:
    """yaml
    first: [ 1 ]
    second: [ 2 ]
    """

  Scenario: Both branches that listen get the event
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: events, name: broadcast, version: '1.0.0' }
    do:
      - both:
          fork:
            branches:
              - left: { listen: { to: { one: { with: { type: com.example.told } } } } }
              - right: { listen: { to: { one: { with: { type: com.example.told } } } } }
    """
    When the workflow is executed
    And event com.example.told is received with data:
    """yaml
    1
    """
    Then the workflow should complete with output:
    """yaml
    [ [ 1 ], [ 1 ] ]
    """

  Scenario: A run hears its own events
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: events, name: echo, version: '1.0.0' }
    do:
      - both:
          fork:
            branches:
              - hear: { listen: { to: { one: { with: { type: com.example.told } } } } }
              - tell:
                  do:
                    - say: { emit: { event: { with: { source: https://example.com, type: com.example.told, data: { word: '${ .word }' } } } } }
                    - done: { set: { said: true } }
    """
    And given the workflow input is:
    """yaml
    word: hello
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    - [ { word: hello } ]
    - { said: true }
    """

  Scenario: A run that is cancelled waits no longer
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: events, name: cancelled, version: '1.0.0' }
    do:
      - attempt:
          try:
            - hear: { listen: { to: { one: { with: { type: com.example.told } } } } }
          catch: { do: [ { never: { set: { caught: true } } } ] }
    """
    When the workflow is executed
    And the workflow is cancelled
    Then the workflow should cancel
    And hear should cancel
    And attempt should cancel
