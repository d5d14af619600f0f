plugins {
    kotlin("jvm") version "2.2.20"
    kotlin("plugin.spring") version "2.2.20"
    id("org.springframework.boot") version "3.5.7"
    id("io.spring.dependency-management") version "1.1.7"
    id("org.openapi.generator") version "7.26.0"
}

repositories { mavenCentral() }

dependencies {
    implementation("org.springframework.boot:spring-boot-starter-web")
    implementation("com.fasterxml.jackson.module:jackson-module-kotlin")
    implementation("com.standardwebhooks:standardwebhooks:1.1.0")
    testImplementation("org.springframework.boot:spring-boot-starter-test")
    testImplementation(kotlin("test-junit5"))
}

kotlin { jvmToolchain(17) }

// The types of the API, from the description of the service: curl -so openapi.json http://localhost:3000/openapi.json
openApiGenerate {
    generatorName = "kotlin"
    inputSpec = "$projectDir/openapi.json"
    outputDir = layout.buildDirectory.dir("generated").get().asFile.path
    modelPackage = "shop.api"
    globalProperties = mapOf("models" to "", "modelDocs" to "false", "modelTests" to "false")
    configOptions = mapOf("serializationLibrary" to "jackson", "dateLibrary" to "string")
}
sourceSets { main { kotlin.srcDir(layout.buildDirectory.dir("generated/src/main/kotlin")) } }
tasks.compileKotlin { dependsOn(tasks.openApiGenerate) }
tasks.test { useJUnitPlatform() }
