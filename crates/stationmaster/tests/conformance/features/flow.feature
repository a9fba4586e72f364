Feature: Flow
  Conditions, loops, branches, children and jumps.

  Scenario: A task whose condition does not hold passes its input on
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: flow, name: skipped, version: '1.0.0' }
    do:
      - never: { if: .age >= 18, set: { adult: true }, then: end }
      - always: { set: { age: '${ .age + 1 }' } }
    """
    And given the workflow input is:
    """yaml
    age: 17
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    age: 18
    """
    And always should run first

  Scenario: A loop gives the output of each iteration to the next
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: flow, name: loop, version: '1.0.0' }
    do:
      - each:
          for: { each: word, in: .words, at: place }
          while: $word != "stop"
          do:
            - join: { set: { text: '${ (.text // "") + "\($place)\($word) " }' } }
    """
    And given the workflow input is:
    """yaml
    words: [ one, two, stop, three ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    text: "0one 1two "
    """

  Scenario: A loop over nothing gives its input
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: flow, name: nothing, version: '1.0.0' }
    do:
      - each:
          for: { in: .words }
          do:
            - join: { set: { text: never } }
    """
    And given the workflow input is:
    """yaml
    words: []
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    words: []
    """

  Scenario: Branches give their outputs in the order in which they are written
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: flow, name: branches, version: '1.0.0' }
    do:
      - both:
          fork:
            branches:
              - late: { do: [ { rest: { wait: PT1H } }, { lateEnd: { set: { name: late } } } ] }
              - early: { set: { name: early } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    - { name: late }
    - { name: early }
    """

  Scenario: A branch that fails takes the others with it
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: flow, name: broken, version: '1.0.0' }
    do:
      - both:
          fork:
            branches:
              - patient: { wait: PT1H }
              - broken: { raise: { error: { type: 'https://errors.example/broken', status: 500 } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://errors.example/broken
    status: 500
    instance: /do/0/both/fork/branches/1/broken
    """
    And patient should cancel
    And both should fault

  Scenario: A child's output is the task's
    Given another workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: flow, name: child, version: '1.0.0' }
    do:
      - rest: { wait: PT1H }
      - double: { set: { number: '${ .number * 2 }' } }
    """
    And a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: flow, name: parent, version: '1.0.0' }
    do:
      - child: { run: { workflow: { namespace: flow, name: child, version: '1.0.0', input: { number: '${ .number }' } } } }
      - add: { set: { number: '${ .number + 1 }' } }
    """
    And given the workflow input is:
    """yaml
    number: 5
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    number: 11
    """

  Scenario: A child's error is the task's, and can be caught
    Given another workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: flow, name: child, version: '1.0.0' }
    do:
      - fail: { raise: { error: { type: 'https://errors.example/broken', status: 418, title: Teapot } } }
    """
    And a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: flow, name: parent, version: '1.0.0' }
    do:
      - attempt:
          try: [ { child: { run: { workflow: { namespace: flow, name: child, version: '1.0.0' } } } } ]
          catch: { as: problem, do: [ { tell: { set: { status: '${ $problem.status }', title: '${ $problem.title }' } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    status: 418
    title: Teapot
    """
    And child should fault

  Scenario: A jump back repeats tasks until a switch leads on
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: flow, name: again, version: '1.0.0' }
    do:
      - count: { set: { count: '${ (.count // 0) + 1 }' } }
      - enough:
          switch:
            - less: { when: .count < 3, then: rest }
            - default: { then: end }
      - rest: { wait: PT1M, then: count }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    count: 3
    """

  Scenario: Exit leaves the list that it stands in, end the run
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: flow, name: exits, version: '1.0.0' }
    do:
      - inner:
          do:
            - leaves: { set: { at: inner }, then: exit }
            - never: { set: { at: never } }
      - outer:
          do:
            - deeper: { do: [ { ends: { set: { at: '${ .at + " and deeper" }' }, then: end } } ] }
            - neither: { set: { at: neither } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    at: inner and deeper
    """
    And ends should run last
    And outer should complete

  Scenario: What is exported is seen by later tasks
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: flow, name: context, version: '1.0.0' }
    input:
      schema: { document: { type: object, required: [ name ] } }
      from: '{ given: .name }'
    output: { as: '. + { workflow: $workflow.input.name }' }
    do:
      - keep: { set: { kept: '${ .given }' }, export: { as: '$context + { kept: .kept }' } }
      - use: { input: { from: '{ short: .kept[0:1] }' }, set: { short: '${ .short }', kept: '${ $context.kept }' } }
    """
    And given the workflow input is:
    """yaml
    name: Ada
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    short: A
    kept: Ada
    workflow: Ada
    """
    And keep should complete with output:
    """yaml
    kept: Ada
    """

  Scenario: An input that its schema refuses faults
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: flow, name: refused, version: '1.0.0' }
    input: { schema: { document: { type: object, required: [ name ] } } }
    do:
      - never: { set: { ran: true } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://serverlessworkflow.io/spec/1.0.0/errors/validation
    status: 400
    """
