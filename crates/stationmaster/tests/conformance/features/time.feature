Feature: Time
  What waits is due at a time that was fixed when it began to wait, whatever became of the process meanwhile.

  Scenario: A wait ends when its time comes
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: time, name: rest, version: '1.0.0' }
    do:
      - before: { set: { told: before } }
      - rest: { wait: { hours: 2 } }
      - after: { set: { told: '${ .told + " and after" }' } }
    """
    When the workflow is executed
    Then the workflow should wait
    And rest should wait
    When time advances by PT1H59M
    Then the workflow should wait
    When the service is restarted
    And time advances by PT1M
    Then the workflow should complete with output:
    """yaml
    told: before and after
    """
    And before should run first
    And rest should run before after
    And after should run last

  Scenario: A task that takes too long is interrupted, and the error can be caught
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: time, name: limit, version: '1.0.0' }
    do:
      - attempt:
          try:
            - patience:
                timeout: { after: { minutes: 5 } }
                do:
                  - rest: { wait: P1D }
          catch:
            errors: { with: { type: https://serverlessworkflow.io/spec/1.0.0/errors/timeout } }
            as: problem
            do:
              - tell: { set: { status: '${ $problem.status }', where: '${ $problem.instance }' } }
    """
    When the workflow is executed
    And time advances by PT4M
    Then the workflow should wait
    When time advances by PT1M
    Then the workflow should complete with output:
    """yaml
    status: 408
    where: /do/0/attempt/try/0/patience
    """
    And rest should cancel
    And patience should fault with error:
    """yaml
    type: https://serverlessworkflow.io/spec/1.0.0/errors/timeout
    status: 408
    """
    And attempt should complete

  Scenario: A run that takes too long faults
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: time, name: whole, version: '1.0.0' }
    timeout: { after: PT30S }
    do:
      - rest: { wait: { seconds: 60 } }
    """
    When the workflow is executed
    And time advances by PT30S
    Then the workflow should fault with error:
    """yaml
    type: https://serverlessworkflow.io/spec/1.0.0/errors/timeout
    status: 408
    """
    And rest should cancel

  Scenario: Tries follow each other at growing distances, up to their limit
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: time, name: again, version: '1.0.0' }
    do:
      - attempt:
          try:
            - refuse: { raise: { error: { type: 'https://errors.example/busy', status: 503, title: Busy } } }
          catch:
            errors: { with: { status: 503 } }
            retry:
              delay: { seconds: 10 }
              backoff: { exponential: {} }
              limit: { attempt: { count: 2 } }
    """
    When the workflow is executed
    And time advances by PT29S
    Then the workflow should wait
    When time advances by PT1S
    Then the workflow should fault with error:
    """yaml
    type: https://errors.example/busy
    status: 503
    title: Busy
    instance: /do/0/attempt/try/0/refuse
    """
    And attempt should fault

  Scenario: Of two branches that compete, the sooner wins and the other is given up
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: time, name: race, version: '1.0.0' }
    do:
      - race:
          fork:
            compete: true
            branches:
              - slow:
                  do:
                    - dawdle: { wait: PT2H }
                    - slowEnd: { set: { winner: slow } }
              - quick:
                  do:
                    - hurry: { wait: PT1H }
                    - quickEnd: { set: { winner: quick } }
    """
    When the workflow is executed
    And time advances by PT1H
    Then the workflow should complete with output:
    """yaml
    winner: quick
    """
    And dawdle should cancel
    And slow should cancel
    And quick should complete with output:
    """yaml
    winner: quick
    """
