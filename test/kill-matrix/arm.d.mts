export function armFromEnvironment(): void;
